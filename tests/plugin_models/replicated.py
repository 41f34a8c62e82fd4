"""`python -m plugin_models.replicated NAME REPLICAS OUT.npz`: five steps of SGD on so many logical CPUs."""

import importlib
import sys

import keras
import numpy as np
import tensorflow as tf

import tfgen
from plugin_models.data import arrays, fields


def main(name, replicas, out):
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    importlib.import_module(f"plugin_models.{name}")
    devices = [f"CPU:{index}" for index in range(replicas)]
    strategy = tf.distribute.MirroredStrategy(devices) if replicas > 1 else None
    with strategy.scope() if strategy else tf.device("CPU:0"):
        model = tfgen.build_model(name, fields=fields())
        start = weights(model)
        stages = [(phases, 2 if index == 0 else None) for index, (phases, _) in enumerate(model.stages)]
        rates = {f"{optimizer}_optimizer": keras.optimizers.SGD(0.01) for optimizer in model.default_optimizers}
        model.compile(**rates, stages=stages or None)
    train, held_out = (
        {field: values for field, values in arrays(seed, 40).items() if field in model.fields} for seed in (0, 1)
    )
    model.fit(train, validation_data=held_out, batch_size=8, epochs=1, verbose=0, validation_freq=10)
    end = weights(model)
    np.savez(out, step=int(model.step), end=end, start=start)


def weights(model):
    """All weights and states of the model as one vector float64."""
    parts = [w.numpy() for network in model.networks.values() for w in network.weights]
    parts += [state.numpy() for state in model.states.values()]
    return np.concatenate([np.ravel(part).astype(np.float64) for part in parts])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
