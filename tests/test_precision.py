"""`--precision=auto`: what is probed, what is said, what the run records."""

import keras
import numpy as np
import pytest

import tfgen
from tfgen.machine import precision
from tfgen.recipes.recipe import Recipe


@pytest.mark.parametrize(
    "flags,unit", [("avx2", None), ("avx512f avx512_bf16", "avx512_bf16"), ("avx512_bf16 amx_bf16", "amx_bf16")]
)
def test_the_flags_of_the_processor_decide(flags, unit):
    assert precision.bfloat16_unit(set(flags.split())) == unit


@pytest.mark.parametrize(
    "unit,expected,said",
    [
        (
            "avx512_bf16",
            "mixed_bfloat16",
            "precision: mixed_bfloat16, which this machine multiplies itself (avx512_bf16)",
        ),
        (
            None,
            "float32",
            "precision: float32; neither a GPU nor the processor multiplies bfloat16 (amx_bf16 or avx512_bf16)",
        ),
    ],
)
def test_auto_is_what_the_probe_finds_and_it_is_said(monkeypatch, unit, expected, said):
    monkeypatch.setattr(precision, "bfloat16_unit", lambda: unit)
    lines = []
    assert precision.resolve("auto", lines.append) == expected
    assert lines == [said]


def test_what_is_named_is_not_probed(monkeypatch):
    monkeypatch.setattr(precision, "bfloat16_unit", None)  # to call it would raise
    assert [precision.resolve(name, None) for name in ("float32", "mixed_bfloat16")] == ["float32", "mixed_bfloat16"]


@pytest.mark.slow
def test_a_run_records_the_precision_that_auto_came_to(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(precision, "bfloat16_unit", lambda: "avx512_bf16")
    arrays = np.random.default_rng(0).integers(0, 256, (16, 16, 16, 1), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", x_train=arrays)
    options = {"network": "dense", "units": [4], "latent_dim": 2}
    recipe = Recipe("vae", f"npz:{tmp_path / 'images.npz'}", options, batch_size=4, steps=1, precision="auto")
    run = tfgen.train(recipe, tmp_path / "run")
    assert run.recipe.precision == "mixed_bfloat16"
    assert capsys.readouterr().out.startswith("precision: mixed_bfloat16")
    assert keras.config.dtype_policy().name == "float32"
    assert run.recipe.differences(recipe.replace(precision="float32"))
