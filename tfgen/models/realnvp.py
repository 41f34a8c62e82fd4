"""`realnvp`: a flow with an exact density, of points or of small images."""

import dataclasses
from typing import Annotated

import keras
from keras import layers

from tfgen.averaging import Ema
from tfgen.data.source import Field
from tfgen.domains import Interval, Seed, Size
from tfgen.families.flow.coupling import CouplingModel
from tfgen.models.common import compiled, data_of, only
from tfgen.models.options import Optimizer
from tfgen.networks.seeding import seeded
from tfgen.recipes.options import Options


@dataclasses.dataclass(frozen=True)
class Coupling(Options):
    """Coupling layers.

    Attributes:
        couplings: layers; of images with even sides, the second half of them sees blocks of 2 x 2 pixels
        width: of the hidden layers of each: numbers, or channels of images
        depth: number of these hidden layers
        ema: decay of the moving average of the networks, or power(0.1); none: no average
        seed: of the initial weights, the order of the data and the noise
    """

    couplings: Annotated[int, Interval(1, 64)] = 8
    width: Size = 64
    depth: Annotated[int, Interval(0, 16)] = 2
    ema: Ema | None = None
    seed: Seed = 0


def realnvp(
    fields: dict[str, Field],
    *,
    coupling: Coupling = Coupling(),
    optimization: Optimizer = Optimizer(),
    kind: type[CouplingModel] = CouplingModel,
) -> CouplingModel:
    """Real NVP: a flow of coupling layers, exact both ways, of points or images (Dinh et al. 2017).

    Args:
        fields: of the data set.
        coupling: options of the layers and their networks.
        optimization: options of the optimizer.
        kind: the class to build.
    """
    name, shape = data_of(fields, "realnvp")
    even = len(shape) == 3 and not (shape[0] % 2 or shape[1] % 2)
    blocks = coupling.couplings // 2 if even else 0
    small = (shape[0] // 2, shape[1] // 2, 4 * shape[2]) if even else shape
    shapes = [shape] * (coupling.couplings - blocks) + [small] * blocks
    # read only where it has an effect, so that it is refused where it has none
    width = coupling.width if coupling.depth else 0
    with seeded(coupling.seed):
        networks = [coupling_network(name, size, width, coupling.depth) for size in shapes]
    known = only(fields, name)
    model = kind(networks, squeezed=blocks, ema=coupling.ema, seed=coupling.seed, fields=known, name="realnvp")
    return compiled(model, optimization)


def coupling_network(name: str, shape: tuple[int, ...], width: int, depth: int) -> keras.Model:
    """Returns data of a shape -> {`log_scale`, `shift`} of that shape, float32, which are 0 at first.

    Args:
        name: of the input.
        shape: of one example, (D,) or (H, W, C): dense layers, or convolutions of 3 x 3.
        width: of the hidden layers.
        depth: number of them.
    """

    def layer(units: int, **more):
        if len(shape) == 3:
            return layers.Conv2D(units, 3, padding="same", **more)
        return layers.Dense(units, **more)

    x = given = keras.Input(shape, name=name)
    for _ in range(depth):
        x = layer(width, activation="relu")(x)
    outputs = {}
    for key in ("log_scale", "shift"):
        raw = layer(shape[-1], kernel_initializer="zeros", name=f"raw_{key}")(x)
        outputs[key] = layers.Activation("linear", dtype="float32", name=key)(raw)
    return keras.Model(given, outputs, name="coupling")
