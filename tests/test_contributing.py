"""The programs in CONTRIBUTING.md run as they stand."""

import pathlib
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from plugin_models import networks

import tfgen
from tfgen import models
from tfgen.data.source import Field

TEXT = (pathlib.Path(__file__).resolve().parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
SHAPE = (16, 16, 1)
IMAGES = np.random.default_rng(0).integers(0, 256, (16, *SHAPE), dtype=np.uint8)


@pytest.fixture
def names(monkeypatch):
    """What the programs take for granted."""
    monkeypatch.setattr(models.MODELS, "_registered", dict(models.MODELS._registered))
    return {"tfgen": tfgen, "tf": tf, "generator": networks.generator, "discriminator": networks.discriminator}


def test_a_builder(names):
    exec(BLOCKS[0], names)
    model = tfgen.build_model("my_gan", fields={"image": Field("image", SHAPE)}, width=4, loss="hinge", latent_dim=3)
    model.fit(IMAGES, batch_size=8, verbose=0)
    assert model.loss_functions == tfgen.losses.hinge and model.sample(2).shape == (2, *SHAPE)
    with pytest.raises(tfgen.UserError, match="momentum"):
        tfgen.build_model("my_gan", fields={"image": Field("image", SHAPE)}, momentum=0.5)


def test_a_subclass(names, tmp_path):
    exec(BLOCKS[1], names)
    fields = {"image": Field("image", SHAPE)}
    model = names["MyModel"](networks.velocity(SHAPE, 4), weight=2.0, fields=fields, value_range=(-1.0, 1.0))
    model.compile()
    model.fit(IMAGES, batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.weight == 2.0 and loaded.digest() == model.digest()
    np.testing.assert_array_equal(loaded.sample(2), model.sample(2))
