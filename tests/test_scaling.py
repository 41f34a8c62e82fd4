"""The formula of `benchmarks.scaling` by hand-computed cases, what it counts of a model, and its page."""

import json
import pathlib
import sys
import types

import keras
import numpy as np
import pytest
from keras import layers

import tfgen

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import scaling, scaling_runs  # noqa: E402
from benchmarks.scaling_formula import (  # noqa: E402
    Network,
    Setting,
    Traffic,
    bandwidth_of,
    cost,
    crowding,
    falls_below,
    line,
    ring_bytes,
    ring_seconds,
)

NETWORK = Network(1e9, 1e-3)
SETTING = Setting(0.1, 0.001, Traffic((12_000_000, 4_000_000), 2), NETWORK)


def test_a_ring_sends_the_least_that_is_possible():
    assert ring_bytes(12e6, 1) == 0 and ring_seconds(12e6, 1, NETWORK) == 0
    assert ring_bytes(12e6, 3) == pytest.approx(16e6)  # 2 x 2 / 3
    assert ring_seconds(12e6, 3, NETWORK) == pytest.approx(0.016 + 4 * 0.001)


def test_a_step_is_computing_and_then_exchanging():
    # compute 0.1 + 0.001 x 100; rings 0.012 + 0.002 and 0.004 + 0.002; two small ones of 2 hops each 0.004
    assert SETTING.step_seconds(2, 200) == pytest.approx(0.2 + 0.014 + 0.006 + 0.004)
    assert SETTING.rate(2, 200) == pytest.approx(200 / 0.224)
    assert SETTING.efficiency(2, 200, 100) == pytest.approx(200 / 0.224 / (2 * 500))
    assert SETTING.efficiency(1, 100, 100) == 1


def test_money():
    # 10^6 images take 1000 s, of four workers at 0.9 an hour each
    assert cost(1000, 4, 0.9) == pytest.approx(1.0)


def test_where_efficiency_falls():
    assert falls_below(lambda workers: 1 / workers) == 3
    assert falls_below(lambda workers: 1 / workers, most=2) is None


def test_a_line_through_measurements():
    assert line([(1, 3.0), (3, 7.0)]) == pytest.approx((1, 2))
    assert line([(2, 1.0), (2, 3.0)]) == (0, 1)
    assert line([(1, 0.5), (3, 3.5)]) == (0, 1), "no time below zero: a mean through the origin"


def test_the_bandwidth_of_this_machine_is_taken_from_two_workers():
    # two workers, 100 images each: 0.2 s of computing, 4 exchanges of 2 hops of 1 ms, the rest 16 MB
    rows = [{"workers": 2, "batch_size": 200, "seconds": 0.2 + 0.008 + 0.032}]
    rows.append({"workers": 3, "batch_size": 300, "seconds": 9.0})
    assert bandwidth_of(rows, SETTING, crowding(1, 2)) == pytest.approx(16e6 / 0.032)
    assert bandwidth_of([{**rows[0], "seconds": 0.1}], SETTING, crowding(1, 2)) == float("inf")
    # on one core each takes twice as long to compute, so that nothing is left
    assert bandwidth_of(rows, SETTING, crowding(1, 1)) == float("inf")
    assert crowding(1, 2)(3) == 1.5 and crowding(1, 2)(1) == 1


def test_predictions_of_weak_and_strong_scaling():
    weak = scaling.predictions(SETTING, 4, True, 3.6, workers=(1, 2, 1024))
    assert [row["share"] for row in weak] == [4, 4, 4] and weak[0]["efficiency"] == 1
    assert weak[0]["cost"] == pytest.approx(1e6 / (4 / 0.104) * 0.001)
    strong = scaling.predictions(SETTING, 4, False, 3.6)
    assert [row["workers"] for row in strong] == [1, 2, 4], "each has an image at least"
    assert strong[1]["rate"] == pytest.approx(4 / (0.1 + 0.002 + 0.024))


def test_what_to_change_moves_the_limit():
    setting = Setting(0.0, 0.01, Traffic((10_000_000, 10_000_000), 3), Network(1e8, 1e-4))
    found = {name: rest for name, *rest in scaling.limits(setting, 64)}
    as_it_is, *_ = found.values()
    # weak: 0.64 s against 0.4 (W - 1) / W + 5 x 2 (W - 1) x 1e-4 s: past 0.64 at 242 (0.39835 + 0.2410, then 0.2420)
    assert as_it_is[0] == 243
    assert all(weak is None or weak >= as_it_is[0] for weak, _ in found.values())
    large = next(rest for name, rest in found.items() if name.startswith("a batch 4 times"))
    assert large[0] is None and large[1] > as_it_is[1]


def tiny():
    latent, image = keras.Input((2,), name="latent"), keras.Input((4, 4, 1), name="image")
    x = layers.BatchNormalization()(layers.Dense(3)(latent))
    generator = keras.Model(latent, layers.Reshape((4, 4, 1))(layers.Dense(16)(x)), name="generator")
    discriminator = keras.Model(image, layers.Dense(1)(layers.Flatten()(image)), name="discriminator")
    model = tfgen.AdversarialModel(generator, discriminator, latent_dim=2, discriminator_steps=2)
    model.compile()
    return model


def test_what_a_model_exchanges_is_counted():
    batch = {"image": np.zeros((4, 4, 4, 1), np.uint8)}
    found = scaling_runs.traffic_of(tiny(), batch)
    # D: 16 + 1 weights, twice; G: 2 x 3 + 3, 2 x 3 of the norm, 3 x 16 + 16
    assert found.updates == (4 * 17, 4 * 17, 4 * (9 + 6 + 64))
    # G's norm is passed in each of three updates
    assert found.small == 1 + 5 * 3


def test_kinds_of_runs():
    kinds = scaling_runs.kinds_of([1, 2, 3], 256, 128)
    assert kinds == [
        ("weak", 1, 128),
        ("weak", 2, 256),
        ("weak", 3, 384),
        ("strong", 1, 256),
        ("strong", 2, 256),
        ("strong", 3, 258),
    ]
    assert scaling_runs.kinds_of([1, 2], 128, 128) == [("weak", 1, 128), ("weak", 2, 256), ("strong", 2, 128)]


def test_several_workers_are_launched():
    args = types.SimpleNamespace(steps=20, run=["--model=gan"])
    alone = scaling_runs.command(1, 128, args, "/f")
    assert alone[1:5] == ["-m", "tfgen.run", "--model=gan", "--plugin=benchmarks.step_times"]
    several = scaling_runs.command(3, 384, args, "/f")
    assert several[1:5] == ["-m", "tfgen.launch", "--workers=3", "--"] and several[-1] == "--distribute=multiworker"
    assert "--steps=25" in several and "--batch_size=384" in several


def measured():
    def row(scaling_kind, workers, batch, seconds):
        return {"scaling": scaling_kind, "workers": workers, "batch_size": batch, "seconds": seconds, "low": seconds,
                "high": seconds}  # fmt: skip

    rows = [
        row("weak", 1, 128, 0.228),
        row("weak", 2, 256, 0.25),
        row("weak", 3, 384, 0.4),
        row("strong", 1, 256, 0.356),
    ]
    own = {"updates": [12_000_000, 4_000_000], "small": 2, "images": 1, "threads": 1, "cores": 2}
    return {**own, "command": "python -m tfgen.run --model=x", "weak_batch_size": 128, "rows": rows}


def test_the_page_gets_its_tables(tmp_path, capsys):
    (tmp_path / "m.json").write_text(json.dumps(measured()))
    page = tmp_path / "page.md"
    page.write_text(f"before\n{scaling.BEGIN}\nold\n{scaling.END}\nafter\n")
    flags = [f"--measured={tmp_path / 'm.json'}", "--bandwidth=1e9", "--latency=1e-3", "--price=3.6", f"--page={page}"]
    assert not scaling.main(["predict", *flags])
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert "A step takes 100 ms and 1 ms for each image" in text and "Gradients: 12 MB, 4 MB; 2 small" in text
    # weak, 2 workers: 0.228 + 0.024 s for 256 images, and 1e6 images take 984 s at 0.002 a second
    assert "| 2 | 128 | 0.252 | 1016 | 90% | 1.97 |" in text
    # the two workers measured agree with the formula by construction
    assert "| weak | 2 | 256 | 1024 (0.25 to 0.25 s a step) | 1024 | 1.00 |" in text
    assert capsys.readouterr().out.strip() in text
    with pytest.raises(ValueError, match="expected the markers"):
        scaling.fill("no markers", "text")


def test_the_page_in_docs_has_its_markers():
    assert scaling.fill((ROOT / "docs" / "scaling.md").read_text(encoding="utf-8"), "tables")


@pytest.mark.slow
def test_a_run_alone_is_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    run = ["--model=gan", "--dataset=ring", "--set=units=8"]
    flags = ["--workers=1", "--batch_size=16", "--weak_batch_size=8", "--steps=3", "--repeats=1"]
    assert not scaling.main(["measure", f"--out={tmp_path / 'm.json'}", *flags, "--", *run])
    found = json.loads((tmp_path / "m.json").read_text())
    assert [(r["scaling"], r["workers"], r["batch_size"]) for r in found["rows"]] == [("weak", 1, 8), ("strong", 1, 16)]
    assert all(row["seconds"] > 0 for row in found["rows"]) and len(found["updates"]) == 2
