"""An inverse autoregressive flow of codes, of built-in layers (Kingma et al. 2016)."""

import math

import keras
from keras import layers

FIRST_GATE = 2.0  # the logit of gates at first: they pass on most of what comes


def inverse_flow(latent_dim: int, flows: int = 2, width: int = 32) -> keras.Model:
    """Returns {`latent`, `context`} -> {`latent`, `log_det`}, each float32 [B, latent_dim].

    Each of the flows is z <- g z + (1 - g) m, g and m functions of the context and of the numbers of z that come before
    (Kingma et al. 2016, algorithm 1), in turn from the first to the last and back. `log_det` is the log of the diagonal
    of the Jacobian, which is triangular in each flow.

    Args:
        latent_dim: D, of the codes and of the context.
        flows: their number.
        width: channels of their convolutions.
    """
    latent = keras.Input((latent_dim,), name="latent")
    context = keras.Input((latent_dim,), name="context")
    z, dets = layers.Activation("linear", dtype="float32")(latent), []
    for index in range(flows):
        shift, logit = _shift_and_logit(z, context, width, backwards=index % 2 == 1)
        gate = layers.Activation("sigmoid", dtype="float32")(logit)
        rest = layers.Subtract(dtype="float32")([z, shift])
        z = layers.Add(dtype="float32")([shift, layers.Multiply(dtype="float32")([gate, rest])])  # m + g (z - m)
        dets.append(layers.Activation("log_sigmoid", dtype="float32")(logit))
    log_det = layers.Add(dtype="float32")(dets) if len(dets) > 1 else dets[0]
    named = {"latent": z, "log_det": log_det}
    heads = {name: layers.Activation("linear", dtype="float32", name=f"{name}_out")(x) for name, x in named.items()}
    return keras.Model({"latent": latent, "context": context}, heads, name="flow")


def _shift_and_logit(
    z: keras.KerasTensor, context: keras.KerasTensor, width: int, backwards: bool
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Returns m and the logit of g, float32 [B, D]: number i of each sees only those of z before i (or behind it)."""
    size = z.shape[-1]

    def causal(x: keras.KerasTensor, dilation: int) -> keras.KerasTensor:
        x = layers.ZeroPadding1D((0, dilation) if backwards else (dilation, 0))(x)
        return layers.Conv1D(width, 2, dilation_rate=dilation, activation="relu")(x)

    x = layers.Reshape((size, 1))(z)
    x = layers.Cropping1D((1, 0) if backwards else (0, 1))(layers.ZeroPadding1D((0, 1) if backwards else (1, 0))(x))
    # its bias also tells each number which one it is, as the convolutions do not
    given = layers.Reshape((size, width))(layers.Dense(size * width)(context))
    x = layers.Activation("relu")(layers.Add()([layers.Conv1D(width, 1)(x), given]))
    for level in range(max(1, math.ceil(math.log2(size)))):  # until the first number reaches the last
        x = layers.Add()([x, causal(x, 2**level)])
    heads = (0.0, FIRST_GATE)
    shift, logit = (
        layers.Reshape((size,), dtype="float32")(
            layers.Conv1D(1, 1, dtype="float32", bias_initializer=keras.initializers.Constant(start))(x)
        )
        for start in heads
    )
    return shift, logit
