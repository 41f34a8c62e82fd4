"""Guarantees on building, training, saving and resuming."""

import math

import keras
import numpy as np
import tensorflow as tf

from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.guarantees.subject import FIRST, LAST, LeftOut, Subject, require, same, shortened
from tfgen.training.checkpoints import Checkpoints

SHAPES = ((28, 28, 1), (16, 17, 1), (32, 32, 3), (24, 40, 3))
REPLICATED = 1e-4  # of the distance that the weights move; importance weights amplify rounding to 1e-5


def builds(subject: Subject) -> None:
    """It builds for its own data, and for pictures of other shapes, gray or colour, or says in a sentence why not."""
    subject.new()
    pictures = [name for name, field in subject.fields.items() if field.kind == "image"]
    for shape in SHAPES if len(pictures) == 1 else ():
        try:
            subject.build({**subject.fields, pictures[0]: Field("image", shape)}, 0)
        except UserError as error:
            require("\n" not in str(error), f"for images {shape} the message has several lines: {error}")


def follows_from_the_seed(subject: Subject) -> None:
    """Weights and updates follow from the seed: the same twice, others from another one."""
    first, again, other = (subject.new(seed) for seed in (4, 4, 5))
    require(first.digest() == again.digest(), "two models of one seed have different initial weights")
    require(first.digest() != other.digest(), "models of two seeds have the same initial weights")
    one, two = subject.one_step(first), subject.one_step(again)
    require(one == two, f"the first step of two models of one seed logs {one} and {two}")
    require(first.digest() == again.digest(), "the first step of two models of one seed gives different weights")


def trains(subject: Subject) -> None:
    """It trains: steps are counted, weights change, every loss and every weight stays finite."""
    course = subject.course
    require(int(course.model.step) == LAST, f"expected step {LAST}, got {int(course.model.step)}")
    for logs in [*course.first, *course.rows]:
        require(logs, "an epoch has no logs")
        bad = {name: value for name, value in logs.items() if not math.isfinite(value)}
        require(not bad, f"logs are not finite: {bad}")
    require(course.digest != subject.new().digest(), f"{FIRST} steps have changed no weight")
    bad_weights = course.model.non_finite_weights()
    require(bad_weights == [], f"weights are not finite: {bad_weights}")
    require(int(course.model.first_bad_step) == -1, f"step {int(course.model.first_bad_step)} has a loss not finite")
    if course.model.stages or any(phase.every != 1 for phase in course.model.phases):
        return
    counts: dict[str, int] = {}
    for phase in course.model.phases:
        if phase.optimizer is not None and phase.begins is None and phase.ends is None:
            counts[phase.optimizer] = counts.get(phase.optimizer, 0) + LAST * phase.steps
    for name, expected in counts.items():
        got = int(course.model.optimizers[name].iterations)
        require(got == expected, f"the optimizer {name} has made {got} updates, expected {expected}")


def is_saved(subject: Subject) -> None:
    """`model.save` and `keras.saving.load_model` bring it back, and a checkpoint does too; both go on alike."""
    course = subject.course
    loaded = keras.saving.load_model(subject.folder / "model.keras")
    require(loaded.__class__ is course.model.__class__, f"the file holds a {loaded.__class__.__name__}")
    require(loaded.digest() == course.digest, "the weights in the file are others")
    require(loaded.fields == course.model.fields, f"the file has the fields {loaded.fields}")
    require(int(loaded.step) == FIRST, f"the file is of step {int(loaded.step)}, expected {FIRST}")
    require(same(subject.shown(loaded), course.shown), "the loaded model shows other pictures")
    fresh = subject.new()
    Checkpoints(fresh, subject.folder / "checkpoints").restore()
    require(fresh.digest() == course.digest, "the weights in the checkpoint are others")
    one, two = subject.one_step(loaded), subject.one_step(fresh)
    require(one.keys() == two.keys(), f"they log {sorted(one)} and {sorted(two)} after loading")
    require(loaded.digest() == fresh.digest(), "the file and the checkpoint go on to different weights")
    require(loaded.digest() != course.digest, "a step after loading changes no weight")


def resumes(subject: Subject) -> None:
    """A training resumed from a checkpoint within an epoch ends on the bits and the logs of one never interrupted."""
    course, fresh = subject.course, subject.new()
    step = Checkpoints(fresh, subject.folder / "checkpoints").restore()
    require(step == FIRST, f"the checkpoint is of step {step}, expected {FIRST}")
    rows = subject.train(fresh, LAST)
    require(fresh.digest() == course.model.digest(), "the weights at the end are others")
    require(rows == course.rows, f"the logs are {rows}, expected {course.rows}")
    require(fresh.averages.values() == course.model.averages.values(), "the means of the logs are others")


def trains_in_mixed_precision(subject: Subject) -> None:
    """In mixed precision it trains, its weights are float32, and its outputs as well."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = subject.new()
        logs = subject.one_step(model)
        networks = model.exported_networks()
    finally:
        keras.config.set_dtype_policy(before)
    bad = {name: value for name, value in logs.items() if not math.isfinite(value)}
    require(not bad, f"logs are not finite: {bad}")
    kinds = {layer.compute_dtype for network in networks.values() for layer in network.layers}
    require("bfloat16" in kinds, "no layer computes in bfloat16")
    for name, network in networks.items():
        dtypes = {weight.dtype for weight in network.trainable_weights}
        require(dtypes <= {"float32"}, f"weights of {name} are {', '.join(sorted(dtypes))}")
        outputs = {tensor.dtype for tensor in keras.tree.flatten(network.outputs)}
        require(outputs == {"float32"}, f"outputs of {name} are {', '.join(sorted(outputs))}: end it in float32")
    shown = subject.shown(model)
    require(shown.dtype in (np.uint8, np.float32), f"it shows {shown.dtype}")


def trains_on_replicas(subject: Subject) -> None:
    """Two replicas train the weights of one (SGD: Adam divides rounding errors by small gradients)."""
    devices = tf.config.list_logical_devices("CPU")
    if len(devices) < 2:
        raise LeftOut("it needs two devices: python -m tfgen.check makes them")
    networks = subject.new().networks.values()
    layers = [layer for network in networks for layer in network._flatten_layers()]
    drawing = [layer.name for layer in layers if getattr(layer, "_seed_generators", ())]
    if drawing:
        raise LeftOut(f"the layer {drawing[0]} draws numbers, on each replica its own, as dropout does")
    start, one = _trained(subject, None)
    # without collective operations, whose keys the strategies of one process share
    reduction = tf.distribute.ReductionToOneDevice()
    strategy = tf.distribute.MirroredStrategy([device.name for device in devices[:2]], reduction)
    _, two = _trained(subject, strategy)
    moved = np.linalg.norm(one - start)
    require(moved > 0.0, "SGD changes no weight")
    off = np.linalg.norm(two - one) / moved
    require(off <= REPLICATED, f"after 4 steps two replicas are off by {off:.2g} of the way that one has moved")


def _trained(subject, strategy):
    """Returns (initial, trained) weights and states as vectors float64."""
    with strategy.scope() if strategy else tf.device("CPU:0"):
        model = subject.new()
        start = _vector(model)
        rates = {f"{name}_optimizer": keras.optimizers.SGD(0.01) for name in model.default_optimizers}
        model.compile(**rates, stages=shortened(model.stages) or None)
    subject.train(model, 4)
    return start, _vector(model)


def _vector(model):
    parts = [weight.numpy() for network in model.networks.values() for weight in network.weights]
    parts += [state.numpy() for state in model.states.values()]
    return np.concatenate([np.ravel(part).astype(np.float64) for part in parts])
