"""`flow_matching`, and what all flows are built from."""

from collections.abc import Callable
from typing import Any

import keras

from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.families.flow.model import FlowModel
from tfgen.models.common import compiled, condition_field, data_of, only, seeded
from tfgen.models.options import Flow, FlowNetwork, Optimizer
from tfgen.networks.transformer import dense_flow, transformer
from tfgen.networks.unet import unet

_MAKES: dict[str, Callable[..., keras.Model]] = {"unet": unet, "transformer": transformer, "dense": dense_flow}
# the options of each that the others do not have
_OWN: dict[str, tuple[str, ...]] = {
    "unet": ("depth", "doublings", "attention", "dropout"),
    "transformer": ("patch", "heads", "dropout"),
    "dense": (),
}


def flow_network(
    shape: tuple[int, ...],
    options: FlowNetwork,
    conditions: dict[str, Field],
    name: str,
    times: tuple[str, ...] = ("time",),
) -> keras.Model:
    """Returns the network of a flow.

    Args:
        shape: of what it moves.
        options: of the network.
        conditions: name -> field.
        name: of what it moves.
        times: names of its inputs that are times.
    """
    shared: dict[str, Any] = {"width": options.width, "blocks": options.blocks, "fastest": options.time_frequency}
    shared |= {"conditions": conditions, "name": name, "times": times}
    if len(shape) == 1:
        options.idle("on points, whose flow has dense layers", "network", *_OWN["unet"], *_OWN["transformer"])
        return dense_flow(shape, **shared)
    network = options.network
    others = {option for options in _OWN.values() for option in options} - set(_OWN[network])
    options.idle(f"with network={network}", *sorted(others))
    return _MAKES[network](shape, **shared, **{option: getattr(options, option) for option in _OWN[network]})


def flow_conditions(fields: dict[str, Field], options: Flow, model: str) -> dict[str, Field]:
    """Returns name -> field of the condition, if there is one.

    Raises:
        UserError: the data set does not have it, or not as a label or a vector.
    """
    if options.condition is None:
        options.idle("without a condition", "condition_dropout")
        return {}
    if options.condition in fields and fields[options.condition].kind == "image":
        raise UserError(
            f"{model} takes no picture such as {options.condition!r} as its condition: train it without, and it fills "
            "holes of pictures by itself (tfgen translate --mask), or train pix2pix on these pairs"
        )
    return {options.condition: condition_field(fields, options.condition, model)}


def flow_options(options: Flow, conditions: dict[str, Field]) -> dict[str, Any]:
    """Returns the arguments of a `FlowModel` that its options describe."""
    names = ("interpolant", "predicts", "times", "min_snr", "pairs", "ema", "seed")
    dropout = options.condition_dropout if conditions else 0.0
    return {**{n: getattr(options, n) for n in names}, "sampling": options.sampler, "condition_dropout": dropout}


def flow_matching(
    fields: dict[str, Field],
    *,
    flow_net: FlowNetwork = FlowNetwork(),
    flow: Flow = Flow(),
    optimization: Optimizer = Optimizer(),
    kind: type[FlowModel] = FlowModel,
) -> FlowModel:
    """Flow matching: a velocity that moves noise to data on straight lines (Lipman et al. 2023).

    Liu et al. 2023 call it rectified flow.

    Args:
        fields: of the data set.
        flow_net: options of the network.
        flow: options of the family.
        optimization: options of the optimizer.
        kind: the class to build.
    """
    name, shape = data_of(fields, "flow_matching")
    conditions = flow_conditions(fields, flow, "flow_matching")
    with seeded(flow.seed):
        network = flow_network(shape, flow_net, conditions, name)
    kept = only(fields, name, *conditions)
    model = kind(network, fields=kept, name="flow_matching", **flow_options(flow, conditions))
    return compiled(model, optimization)
