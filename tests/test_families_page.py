"""The page of four families: rows that are there are not trained again, empty ones are named, means are of seeds."""

import json
import pathlib
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import families  # noqa: E402
from tfgen.storage.images import grid, save_png  # noqa: E402

FOUND = {"fd": 4.0, "recall": 0.5, "precision": 0.7, "samples_per_cpu_second": 30.0, "steps": 100}


@pytest.fixture
def called(monkeypatch):
    """The commands of rows, which write what the real ones would; the flags of each."""
    calls = []

    def call(module, *flags, log):
        calls.append((module, flags))
        log.mkdir(parents=True, exist_ok=True)
        values = {"fd": 4.0, "recall": 0.5, "precision": 0.7, "bits_per_dimension": 3.25}
        (log / "evaluation.json").write_text(json.dumps({"metrics": {n: {"value": v} for n, v in values.items()}}))
        (log / "speed.json").write_text(json.dumps({"steps": 100, "samples_per_cpu_second": 30.0}))
        save_png(log / "shown.png", grid(np.full((families.SHOWN, 8, 8, 1), 128, np.uint8), families.SHOWN))

    monkeypatch.setattr(families, "call", call)
    return calls


def run(tmp_path, monkeypatch, *flags):
    monkeypatch.setattr(sys, "argv", ["families", f"--work={tmp_path / 'work'}", f"--out={tmp_path / 'page'}", *flags])
    families.main()
    return json.loads((tmp_path / "page.json").read_text()) if (tmp_path / "page.json").exists() else {}


def test_rows_that_are_there_are_not_trained_again(tmp_path, called, monkeypatch):
    flags = ["--only=gan,flow", "--minutes=1"]
    rows = run(tmp_path, monkeypatch, *flags)
    trained = [flags for module, flags in called if module == "tfgen.run"]
    assert len(trained) == 6 and all("--max_cpu_seconds=120" in flags for flags in trained)
    assert "--model=dcgan" in trained[0] and "--seed=0" in trained[0] and "--seed=2" in trained[-1]
    assert "--stages=autoencoder:300,flow" in trained[1]
    # what is committed is enough: the runs may be gone
    shutil.rmtree(tmp_path / "work")
    del rows["gan-1min-1"]
    (tmp_path / "page.json").write_text(json.dumps(rows))
    run(tmp_path, monkeypatch, *flags)
    assert len([1 for module, _ in called if module == "tfgen.run"]) == 7


def test_a_family_is_asked_for_its_own_scores(tmp_path, called, monkeypatch):
    rows = run(tmp_path, monkeypatch, "--only=gan,autoregressive", "--minutes=60")
    asked = [flags[2] for module, flags in called if module == "tfgen.evaluate"]
    assert asked == ["--metrics=fd,recall,precision", "--metrics=fd,recall,precision,bits_per_dimension"]
    assert rows["autoregressive-60min-0"]["bits_per_dimension"] == 3.25


def test_the_page_has_means_and_names_what_is_missing(tmp_path, called, monkeypatch):
    rows = {f"gan-10min-{seed}": {**FOUND, "fd": fd} for seed, fd in enumerate((4.0, 5.0))}
    rows["vae-10min-0"] = {**FOUND, "bfloat16": True}
    (tmp_path / "page.json").write_text(json.dumps(rows))
    run(tmp_path, monkeypatch, "--page_alone")
    page = (tmp_path / "page.md").read_text()
    assert not called and not (tmp_path / "page.png").exists()
    # of 4 and 5: mean 4.5, standard error 0.707 / sqrt(2)
    assert "| 10 | GAN | `dcgan` | 2 of 3 | 4.50 ± 0.50 | 0.500 ± 0.000 | 0.700 ± 0.000 |  | 30 | 100 |" in page
    assert "| 10 | VAE | `vq_vae` | 1 of 3 (bf16) | 4.00 |" in page
    assert "| 60 | flow | `latent_flow` | 0 of 1 |  |  |  |  |  |  |" in page
    missing = page[page.index("Not yet run: ") :].split(".")[0]
    assert missing.count("min-") == 4 * 7 - 3 and "gan-10min-2" in missing and "gan-10min-1" not in missing


def test_the_picture_has_a_row_for_each_row_of_the_table(tmp_path, called, monkeypatch):
    run(tmp_path, monkeypatch, "--minutes=60")
    with Image.open(tmp_path / "page.png") as picture:
        width, height = picture.size
    assert height / width == pytest.approx(len(families.FAMILIES) / families.SHOWN, rel=0.25)  # margins of each row
    assert "Not yet run" in (tmp_path / "page.md").read_text()


def test_an_unknown_family_is_a_sentence(tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match="2"):
        run(tmp_path, monkeypatch, "--only=diffusion")


def test_the_first_seed_alone(tmp_path, monkeypatch, called):
    assert set(run(tmp_path, monkeypatch, "--only=gan", "--minutes=1,10", "--seeds=1")) == {"gan-1min-0", "gan-10min-0"}
    more = {"gan-1min-1", "gan-1min-2"}
    assert set(run(tmp_path, monkeypatch, "--only=gan", "--minutes=1")) == {"gan-1min-0", "gan-10min-0", *more}
