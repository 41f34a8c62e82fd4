"""Further outputs of a network that exists."""

import keras

from tfgen.errors import UserError


def with_features(discriminator: keras.Model) -> keras.Model:
    """Returns a discriminator with the same weights, its outputs and `features`, the input of the logit's layer.

    Args:
        discriminator: functional, whose output is the logit, or a dict with `logit`; one with `features` is returned as
            it is.

    Raises:
        UserError: it is of another form.
    """
    outputs = discriminator.output if isinstance(discriminator.output, dict) else {"logit": discriminator.output}
    if "features" in outputs:
        return discriminator
    layer = outputs["logit"]._keras_history.operation
    if len(keras.tree.flatten(layer.input)) != 1:
        raise UserError("feature_matching needs a discriminator whose logit is a layer of one input, the features")
    features = keras.layers.Flatten(dtype="float32", name="features")(layer.input)
    inputs = {tensor.name: tensor for tensor in discriminator.inputs}
    inputs = inputs if len(inputs) > 1 else discriminator.inputs[0]
    return keras.Model(inputs, {**outputs, "features": features}, name=discriminator.name)
