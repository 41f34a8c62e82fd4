"""Spectral normalisation with the gradient through sigma (Miyato et al. 2018), and its removal from finished networks.

`keras.layers.SpectralNormalization` assigns W / sigma to W, so that no gradient flows through sigma; here W stays, and
each pass uses W / sigma(W). Files that a run leaves have plain layers with the normalised kernels: see `plain`.
"""

from typing import Any

import keras
from keras import layers, ops

from tfgen.values import serializable


@serializable
class SpectralNormalization(layers.Wrapper):
    """A dense or convolutional layer with W / sigma(W) as its kernel, sigma the largest singular value of W.

    Miyato et al. 2018, equation 8 and algorithm 1: one power iteration per pass in training mode, whose vector is kept;
    sigma = v^T W u depends on W, and its gradient is that of equation 9. W is a matrix of one column per output.

    Args:
        layer: `Dense`, `Conv2D` or `Conv2DTranspose`.
        **kwargs: of `keras.layers.Layer`.
    """

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        size = self.matrix().shape[-1]
        # not cast: a vector in bfloat16 would not converge; all replicas compute the same one
        settings = {"trainable": False, "autocast": False, "dtype": "float32", "aggregation": "only_first_replica"}
        self.u = self.add_weight(shape=(size, 1), initializer="random_normal", name="u", **settings)

    def matrix(self) -> Any:
        """Returns W, float32 [inputs, outputs]."""
        kernel = ops.cast(ops.convert_to_tensor(self.layer.kernel), "float32")
        if isinstance(self.layer, layers.Conv2DTranspose):  # its kernel is [height, width, outputs, inputs]
            kernel = ops.swapaxes(kernel, -1, -2)
        return ops.reshape(kernel, (-1, kernel.shape[-1]))

    def iterated(self) -> tuple[Any, Any]:
        """Returns the vector u after a power iteration, [outputs, 1], and sigma, a scalar."""
        matrix = self.matrix()
        fixed = ops.stop_gradient(matrix)
        v = normalised(ops.matmul(fixed, ops.convert_to_tensor(self.u)))
        u = normalised(ops.matmul(ops.transpose(fixed), v))
        return u, ops.sum(v * ops.matmul(matrix, u))

    def call(self, inputs: Any, training: bool = False) -> Any:
        u, sigma = self.iterated()
        if training:
            self.u.assign(u)
        kernel = ops.cast(ops.convert_to_tensor(self.layer.kernel), "float32") / sigma
        # among the first of these, unless the network is frozen
        groups = self.layer.trainable_variables, self.layer.non_trainable_variables
        values = [[kernel if v is self.layer.kernel else v.value for v in group] for group in groups]
        outputs, _ = self.layer.stateless_call(*values, inputs)
        return outputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.layer.compute_output_shape(input_shape)

    def normalised_weights(self) -> list[Any]:
        """Returns the weights of the layer as arrays, its kernel divided by sigma."""
        sigma = ops.convert_to_numpy(self.iterated()[1])
        kernel = self.layer.kernel
        return [ops.convert_to_numpy(w) / (sigma if w is kernel else 1.0) for w in self.layer.weights]


def normalised(vector: Any) -> Any:
    """Returns a vector of length 1; of length 0 where it is."""
    return vector / (ops.sqrt(ops.sum(ops.square(vector))) + 1e-12)


def spectral(layer: layers.Layer, yes: bool = True) -> layers.Layer:
    """Returns a layer with spectral normalisation, under its own name; the layer itself where `yes` is false."""
    return SpectralNormalization(layer, name=f"{layer.name}_normalised") if yes else layer


def plain(network: keras.Model) -> keras.Model:
    """Returns a network of the same outputs in inference mode, without `SpectralNormalization`: in built-in layers."""
    normalised_layers = {layer.name: layer for layer in network.layers if isinstance(layer, SpectralNormalization)}
    if not normalised_layers:
        return network
    made = keras.models.clone_model(network, clone_function=_without)
    made.name = network.name
    for layer in network.layers:
        own = normalised_layers.get(layer.name)
        weights = layer.get_weights() if own is None else own.normalised_weights()
        made.get_layer(layer.name if own is None else own.layer.name).set_weights(weights)
    return made


def _without(layer: layers.Layer) -> layers.Layer:
    inner = layer.layer if isinstance(layer, SpectralNormalization) else layer
    return type(inner).from_config(inner.get_config())
