"""Guarantees on what a model makes, on the files that hold its networks, and on what is measured of it."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from tfgen.diagnosis.probes import Probe
from tfgen.errors import UserError
from tfgen.guarantees.subject import LeftOut, Subject, require, same
from tfgen.networks import plain
from tfgen.networks.calling import call
from tfgen.sampling.chunks import turned
from tfgen.training.savedmodel import export_savedmodel

SIGNED = 1e-4  # outputs of a served model against the model's own, in units of their range


def shows_its_data(subject: Subject) -> None:
    """It shows data of the right shape and range; a model that cannot sample says so."""
    model, before = subject.course.model, subject.course.shown
    shape = (7, *model.data_shape)
    require(before.shape == shape, f"expected the shape {shape}, got {before.shape}")
    if before.dtype != np.uint8:
        require(np.isfinite(before).all(), "values are not finite")
    if before.dtype != np.uint8 and model.fields[model.data_field].kind == "image":
        require(0.0 <= before.min() and before.max() <= 1.0, f"pixels are {before.min():.3g} to {before.max():.3g}")
    if model.sampler is None:
        try:
            model.sample(1)
        except UserError:
            return
        require(False, "it has no sampler, and samples")


def samples_by_number(subject: Subject) -> None:
    """Sample i follows from (seed, i) and its conditions alone: few are the first of many, from any start."""
    model = subject.course.model
    if model.sampler is None:
        raise LeftOut(model.cannot_sample)
    given = subject.conditions(model, 7)
    many = model.sample(7, seed=5, conditions=given)
    first = {name: values[:3] for name, values in given.items()}
    require(same(model.sample(3, seed=5, conditions=first), many[:3]), "3 samples are not the first 3 of 7")
    # 3 from number 2: conditions of 2 would be in place without a turn
    rest = {name: values[2:5] for name, values in given.items()}
    taken = {name: turned(values, 2) for name, values in rest.items()}
    require(same(model.sample(3, seed=5, start=2, conditions=taken), many[2:5]), "start=2 gives other samples")
    if len(model.sources) == 1:
        source = model.sources[0]
        more = {name: values for name, values in given.items() if name != source}
        translated = model.translate(given[source], more, seed=5)
        part = model.translate(given[source][2:5], more, seed=5, start=2)
        require(same(part, translated[2:5]), "start=2 gives other translations")
    # before they are rounded: a few steps from small weights all pictures are nearly equal
    conditions = {name: tf.constant(values) for name, values in given.items()}
    rows = np.asarray(model.sampler.draw(model, tf.range(7, dtype=tf.int64), conditions))
    require(len({row.tobytes() for row in rows}) > 1, "all samples are equal")


def does_what_it_says(subject: Subject) -> None:
    """Each of its endpoints runs on inputs as it declares them, and gives finite rows, one for each of the inputs."""
    model = subject.course.model
    for name, endpoint in model.endpoints().items():
        for output, value in endpoint.function(**_inputs(subject, model, endpoint)).items():
            require(value.shape[0] == 2, f"{name} gives {output} {list(value.shape)} of 2 inputs")
            if value.dtype.is_floating:
                require(value.dtype == tf.float32, f"{name} gives {output} as {value.dtype.name}, expected float32")
                require(np.isfinite(value).all(), f"{name} gives {output} that is not finite")


def networks_are_plain_keras(subject: Subject) -> None:
    """Its exported networks hold built-in layers only, name their inputs, give float32, and load without tfgen."""
    model = subject.course.model
    for name, network in model.exported_networks().items():
        for layer in network.layers:
            module = type(layer).__module__.split(".")[0]
            builtin = module == "keras" and not isinstance(layer, layers.Lambda)
            require(builtin, f"{name} holds {type(layer).__name__} of {module}: use layers that Keras has itself")
        unnamed = [tensor.name for tensor in network.inputs if tensor.name.startswith(("keras_tensor", "input_layer"))]
        require(not unnamed, f"{name} has inputs without a name of their own: keras.Input(..., name=)")
        outputs = {tensor.dtype for tensor in keras.tree.flatten(network.outputs)}
        require(outputs == {"float32"}, f"{name} gives {', '.join(sorted(outputs))}, expected float32")
        path = subject.folder / f"{name}.keras"
        network.save(path)
        loaded = keras.saving.load_model(path, custom_objects={})
        given = {t.name: tf.ones((2, *t.shape[1:]), t.dtype) for t in network.inputs}
        pairs = zip(*(keras.tree.flatten(call(net, given)) for net in (loaded, network)), strict=True)
        require(all(same(one, two) for one, two in pairs), f"{name} gives other outputs after loading")
    exported = model.exported_networks()
    for name, average in model.averaged_networks.items():
        pairs = zip(exported[name].get_weights(), plain(average).get_weights(), strict=True)
        require(all(same(one, two) for one, two in pairs), f"the exported {name} is not the averaged one")


def is_served(subject: Subject) -> None:
    """Its SavedModel has all its signatures, which give what the model itself gives."""
    model = subject.course.model
    endpoints = model.endpoints()
    served = tf.saved_model.load(str(export_savedmodel(model, subject.folder / "export")))
    missing = set(endpoints) - set(served.signatures)
    require(not missing, f"signatures are missing: {sorted(missing)}")
    for name, endpoint in endpoints.items():
        given = _inputs(subject, model, endpoint)
        expected, got = endpoint.function(**given), served.signatures[name](**given)
        require(set(expected) == set(got), f"{name} gives {sorted(got)}, expected {sorted(expected)}")
        for output, value in expected.items():
            require(_close(value, got[output]), f"{name} gives another {output} than the model")


def is_diagnosed(subject: Subject) -> None:
    """A diagnosis measures it without a failure and leaves it as it is; its charts and rules can be read."""
    model = subject.course.model
    said: list[str] = []
    train, held_out = (model.as_examples(subject.arrays(model, 16, seed)) for seed in (1, 2))
    before = model.digest()
    found = Probe(model, train, held_out, say=said.append)()
    require(not said, "; ".join(said))
    require(found, "no probe has measured anything")
    bad = sorted(name for name, value in found.items() if math.isinf(value))
    require(not bad, f"measurements are not finite: {', '.join(bad)}")
    require(model.digest() == before, "the probes have changed a weight or a state")
    for what in (model.charts, model.rules, model.trials, model.stops):
        list(what())


def is_evaluated(subject: Subject) -> None:
    """`evaluate` gives finite losses and leaves weights and states as they are."""
    model = subject.course.model
    before, position = model.digest(), int(model.step)
    dataset = tf.data.Dataset.from_tensor_slices(subject.arrays(model, 8)).batch(4)
    found = model.evaluate(dataset, verbose=0, return_dict=True)
    bad = {name: value for name, value in found.items() if not np.isfinite(value)}
    require(not bad, f"losses are not finite: {bad}")
    require(model.digest() == before and int(model.step) == position, "it has changed a weight, a state or the step")


def _inputs(subject, model, endpoint) -> dict[str, tf.Tensor]:
    """Returns two rows of every input of an endpoint: examples of fields, and ramps for all else."""
    found = subject.arrays(model, 2)
    given = {}
    for spec in endpoint.inputs:
        if spec.name in found:
            value: Any = found[spec.name]
            value = value.astype(np.float32) / 255.0 if value.dtype == np.uint8 and spec.dtype.is_floating else value
        elif spec.dtype == tf.string:
            value = np.asarray([endpoint.blank or b"one", endpoint.blank or b"another"])
        else:
            rows = np.arange(2, dtype=np.float64).reshape(2, *[1] * (len(spec.shape) - 1)) / 2.0
            value = np.broadcast_to(rows if spec.dtype.is_floating else 2 * rows, [2, *spec.shape[1:]])
        given[spec.name] = tf.cast(value, spec.dtype) if spec.dtype != tf.string else tf.constant(value)
    return given


def _close(one, two):
    if one.dtype == tf.string:
        return one.shape == two.shape
    one, two = (np.asarray(value, np.float64) for value in (one, two))
    largest = max(1.0, float(np.abs(one).max(initial=0.0)))
    # a pixel at the edge between two bytes may be rounded otherwise in another graph
    return one.shape == two.shape and bool(
        np.abs(one - two).max(initial=0.0) <= (SIGNED * largest if largest < 2 else 1)
    )
