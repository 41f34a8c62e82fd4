"""The second VAE of a two-stage VAE: it learns the codes of a first model, and becomes their prior (Dai, Wipf 2019)."""

import math

import keras
import numpy as np
from keras import layers

from tfgen import likelihoods
from tfgen.data.source import Field
from tfgen.families.variational.model import VariationalModel
from tfgen.fitted import TwoStage, checked_codes
from tfgen.networks.seeding import seeded

BATCH, STEPS, UNITS = 128, 6000, (256, 256)
PASS = 2000  # steps, at most, for which codes are repeated


def fit_two_stage(codes: np.ndarray, seed: int = 0, steps: int = STEPS, units: tuple[int, ...] = UNITS) -> TwoStage:
    """Returns the prior that a VAE with as many latents as codes have numbers learns of standardised codes.

    Args:
        codes: [N, D].
        seed: of its weights, noise and order of the codes.
        steps: of its training.
        units: sizes of the hidden layers of both of its networks.

    Raises:
        UserError: codes that are not finite, or too few.
    """
    codes = checked_codes(codes, 2)
    centre, spread = codes.mean(axis=0), np.maximum(codes.std(axis=0), 1e-6)
    rows, dim = ((codes - centre) / spread).astype(np.float32), codes.shape[1]
    with seeded(seed):
        encoder = _dense("vector", dim, units, ("z_mean", "z_log_var"))
        decoder = _dense("latent", dim, units, ("image", "log_scale"))
    model = VariationalModel(
        encoder, decoder, likelihood=likelihoods.gaussian(None), fields={"vector": Field("vector", (dim,))}, seed=seed
    )
    # one pass over as many copies as it takes: the end of an epoch costs as much as many of these steps
    rows = np.tile(rows, (math.ceil(min(steps, PASS) * BATCH / len(rows)), 1))
    per_epoch = len(rows) // BATCH
    epochs = math.ceil(steps / per_epoch)
    rate = keras.optimizers.schedules.CosineDecay(1e-3, epochs * per_epoch)
    model.compile(optimizer=keras.optimizers.Adam(rate), steps_per_execution=min(50, per_epoch))
    model.fit({"vector": rows}, batch_size=BATCH, epochs=epochs, verbose=0)
    return TwoStage(centre, spread, _layers(decoder, dim))


def _dense(name, dim, units, outputs):
    """Returns `name` [B, dim] -> two outputs [B, dim] each, by dense layers with ReLU."""
    x = given = keras.Input((dim,), name=name)
    for count in units:
        x = layers.Dense(count, activation="relu")(x)
    return keras.Model(given, {output: layers.Dense(dim, name=output)(x) for output in outputs}, name=f"{name}_network")


def _layers(decoder, dim):
    """Returns (kernel, bias) of the hidden layers, and of both heads as one layer."""
    dense = [layer for layer in decoder.layers if isinstance(layer, layers.Dense)]
    hidden = [layer.get_weights() for layer in dense if layer.name not in ("image", "log_scale")]
    mean, log_scale = (decoder.get_layer(name).get_weights() for name in ("image", "log_scale"))
    head = [np.concatenate(pair, axis=-1) for pair in zip(mean, log_scale, strict=True)]
    return [*hidden, head]
