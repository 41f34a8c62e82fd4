"""Further outputs of a network that exists."""

import keras

from tfgen.errors import UserError


def with_features(discriminator: keras.Model) -> keras.Model:
    """Returns a discriminator with the same weights and the outputs `logit` and `features`, the logit layer's input.

    Args:
        discriminator: functional, whose only output is the logit of its last layer.

    Raises:
        UserError: it is of another form.
    """
    layer = discriminator.layers[-1]
    if isinstance(discriminator.output, dict) or len(keras.tree.flatten(layer.input)) != 1:
        raise UserError("feature_matching needs a discriminator whose logit is a layer of one input, the features")
    features = keras.layers.Flatten(dtype="float32", name="features")(layer.input)
    inputs = {tensor.name: tensor for tensor in discriminator.inputs}
    outputs = {"logit": discriminator.output, "features": features}
    return keras.Model(inputs if len(inputs) > 1 else discriminator.inputs[0], outputs, name=discriminator.name)
