"""The benchmarks' own arithmetic: operations of a step, turns, ratios, files. Tiny runs of every side are slow."""

import json
import pathlib
import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import (  # noqa: E402
    cheats,
    guidance,
    machine,
    measuring,
    network,
    parts,
    run,
    samplers,
    tables,
    time_to_quality,
    turns,
)
from benchmarks.measuring import Comparison  # noqa: E402
from benchmarks.part import Part, Settings  # noqa: E402
from benchmarks.turns import Child, Turnstile, Window  # noqa: E402


def small_networks():
    latent, image = keras.Input((2,)), keras.Input((8, 8, 1))
    x = layers.Reshape((4, 4, 3))(layers.BatchNormalization()(layers.Dense(48, use_bias=False)(latent)))
    generator = keras.Model(latent, layers.Conv2DTranspose(1, 5, 2, "same")(x))
    y = layers.LeakyReLU()(layers.Conv2D(2, 3, 2, "same")(image))
    return generator, keras.Model(image, layers.Dense(1)(layers.Flatten()(y)))


@pytest.mark.parametrize("order,operations", [("default", 14_144), ("shared", 11_552), ("tutorial", 10_912)])
def test_operations_of_a_step_by_hand(order, operations):
    # G: dense 2*2*48 = 192, transposed 2*16*25*3 = 2400. D: convolution 2*16*9*2 = 576, dense 2*32 = 64.
    # D's update: 2592 + 2 (640 + 640 + 64) = 5280. G's: 2592 + 640 + 640 + 2592 + 2400 = 8864.
    assert network.step_flops(*small_networks(), order) == operations


def test_products_with_the_zeros_around_are_counted_by_convention_only():
    # rows of 4 outputs from 8 inputs, kernel 3, stride 2: one zero, after the last
    assert network.taps(4, 8, 3, 2, "same", zeros=True) == 12
    assert network.taps(4, 8, 3, 2, "same", zeros=False) == 11
    for layer in [*network.generator(2).layers, *network.discriminator(2).layers]:
        if not isinstance(layer, (layers.Conv2D, layers.Conv2DTranspose)):
            continue
        ones = tf.ones_like(layer.kernel)
        images = tf.ones((1, *layer.input.shape[1:]))
        if isinstance(layer, layers.Conv2DTranspose):
            shape = (1, *layer.output.shape[1:])
            products = tf.nn.conv2d_transpose(images, ones, shape, layer.strides, layer.padding.upper())
        else:
            products = tf.nn.conv2d(images, ones, layer.strides, layer.padding.upper())
        assert network.layer_flops(layer, zeros=False) == 2 * float(tf.reduce_sum(products))


def test_a_layer_whose_operations_are_not_known_is_refused():
    layer = layers.Conv1D(2, 3)
    layer(keras.Input((8, 1)))
    with pytest.raises(ValueError, match="expected Dense, Conv2D or Conv2DTranspose, got Conv1D"):
        network.layer_flops(layer)


def test_contenders_take_turns_and_the_first_window_does_not_count():
    calls = []

    def contender(name):
        return lambda seconds: calls.append(name) or Window(len(calls), 1.0, 1.0)

    found = measuring.in_turns({"a": contender("a"), "b": contender("b")}, 1.0, 3, say=lambda *a, **k: None)
    assert "".join(calls) == "ab" + "ab" + "ba" + "ab"
    assert [window.done for window in found["a"]] == [3, 6, 7]


def test_a_ratio_is_of_windows_of_one_round():
    rows = {"slow": [Window(10, 1.0, 2.0), Window(40, 2.0, 4.0)], "fast": [Window(15, 1.0, 1.0), Window(60, 1.0, 2.0)]}
    (found,) = measuring.ratios(rows, [Comparison("fast", "slow", 1.3), Comparison("fast", "absent")])
    assert found["values"] == [1.5, 3.0]  # not (15 + 60) / (10 + 20)
    assert (found["median"], found["low"], found["high"]) == (2.25, 1.5, 3.0)
    assert found["by_cpu"] == 3.0  # 15 / 5, 30 / 10
    assert tables.ranged(found, 3) == "2.25 (1.5 to 3)"


def test_a_loop_that_cannot_be_left_is_made_to_wait():
    done = []

    def train(step_done):
        while True:
            done.append(1)
            step_done(5)

    side = Turnstile(train)
    assert not done
    first, second = side.window(0.0), side.window(0.02)
    assert first.done == 5 and second.done >= 5 and second.wall >= 0.02
    assert 5 * len(done) == first.done + second.done
    side.close()
    assert 5 * len(done) == first.done + second.done


def test_what_goes_wrong_in_a_loop_is_raised_by_its_window():
    def train(step_done):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Turnstile(train).window(0.0)
    with pytest.raises(RuntimeError, match="came to an end"):
        Turnstile(lambda step_done: None).window(0.0)


def test_a_process_of_another_environment_serves_its_contenders(tmp_path, monkeypatch):
    (tmp_path / "side.py").write_text(
        "import sys, time\nfrom benchmarks.turns import serve, windows\n"
        "if sys.argv[1] == 'fail': sys.exit('no such file')\n"
        "print('a library says something')\n"
        "serve({'three': windows(lambda: time.sleep(0.001) or 3)}, version='1.0')\n"
    )
    monkeypatch.setattr(turns, "ROOT", tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    child = Child(sys.executable, "side", "serve")
    window = child.contender("three")(0.01)
    assert child.about == {"version": "1.0"}
    assert window.done % 3 == 0 and window.wall >= 0.01
    child.close()
    with pytest.raises(RuntimeError, match="side ended with code 1:\nno such file"):
        Child(sys.executable, "side", "fail")


# The command.


@pytest.fixture
def fake_parts(monkeypatch):
    """Two parts whose contenders take no time; returns how often each has been made."""
    made = []

    def part(name, unit):
        def make(settings):
            made.append(name)
            contenders = {"a": lambda s: Window(30, 1.0, 1.0), "b": lambda s: Window(20, 1.0, 1.0)}
            return Part(f"Part {name}", contenders, [Comparison("a", "b", 1.3)], unit, (f"Note on {name}.",))

        return make

    monkeypatch.setattr(
        run, "PARTS", {"one": part("one", "images/s"), "two": part("two", "s"), "torch": parts.PARTS["torch"]}
    )
    monkeypatch.setattr(run, "start_tensorflow", lambda: None)
    return made


def command(monkeypatch, out, *arguments):
    monkeypatch.setattr(sys, "argv", ["run", f"--out={out}", "--repeats=2", "--seconds=1", *arguments])
    run.main()
    return json.loads(out.with_suffix(".json").read_text()), out.with_suffix(".md").read_text()


def test_the_command_writes_a_page_and_keeps_parts_that_are_not_measured_again(tmp_path, monkeypatch, fake_parts):
    found, page = command(monkeypatch, tmp_path / "docs" / "speed")
    assert fake_parts == ["one", "two"]
    assert found["parts"]["one"]["contenders"]["a"] == {"values": [30.0, 30.0], "median": 30.0, "low": 30, "high": 30}
    assert found["parts"]["two"]["contenders"]["b"]["values"] == [0.05, 0.05]
    assert found["parts"]["one"]["ratios"][0]["values"] == [1.5, 1.5]
    assert "| a : b | 1.5 (1.5 to 1.5) | 1.3 |" in page
    assert "## PyTorch with the same network in the same order of passes\n\nNot measured: it needs another" in page
    assert machine.processor() in page and "Note on two." in page
    again, _ = command(monkeypatch, tmp_path / "docs" / "speed", "--only=two")
    assert fake_parts == ["one", "two", "two"] and set(again["parts"]) == {"one", "two", "torch"}
    other, _ = command(monkeypatch, tmp_path / "docs" / "speed", "--only=two", "--width=32")
    assert set(other["parts"]) == {"two"}  # other settings: nothing of before can stand beside it


def test_the_description_of_the_machine_has_no_names_and_no_paths():
    import platform

    text = json.dumps(machine.describe())
    assert platform.node() not in text.replace(machine.processor(), "") or not platform.node()
    assert "/" not in text.replace(machine.processor(), "")


def test_an_unknown_part_is_refused(tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        command(monkeypatch, tmp_path / "speed", "--only=fit,torsh")
    assert "--only expects some of" in capsys.readouterr().err


def test_the_picture_stands_alone(tmp_path):
    import xml.etree.ElementTree as xml

    row = {"median": 12.0}
    results = {"parts": {"fit": {"contenders": {"hand-written loop, shared pass": row, "tfgen fit, EMA of G": row}}}}
    tables.draw(results, tmp_path / "speed.svg")
    text = (tmp_path / "speed.svg").read_text()
    root = xml.fromstring(text)
    words = ["".join(found.itertext()) for found in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "loop, shared" in words and "tfgen, EMA" in words and "12" in words
    longest = "tfgen fit, shared pass, bfloat16", "PyTorch, shared pass, bfloat16"
    assert all(len(tables.brief(name)) <= 18 for name in longest)


# Time to quality.


def test_marks_stop_the_clock_and_keep_what_they_have_found(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time_to_quality.time, "perf_counter", lambda: now[0])

    def judge(images):
        now[0] += 100.0
        return {"fd": float(len(images)), "precision": 0.5, "recall": 0.25, "smallest_class": 0.0}

    judge.count = 7
    marks = time_to_quality.Marks([2.0, 3.0, 10.0], judge, tmp_path / "out.json", {"name": "x"})
    marks.watch.start()
    for step in range(1, 5):
        now[0] += 2.5
        ended = marks.passed(step, np.zeros)
        assert ended == (step == 4)
        found = json.loads((tmp_path / "out.json").read_text())
        assert len(found["rows"]) == (1, 2, 2, 3)[step - 1]
    assert [(row["seconds"], row["steps"], row["fd"]) for row in found["rows"]] == [
        (2.5, 1, 7),
        (5.0, 2, 7),
        (10.0, 4, 7),
    ]
    assert found["first_step_seconds"] == 2.5


def test_times_are_read_and_the_table_is_of_all_runs(tmp_path):
    assert time_to_quality.seconds("3m,20s, 1h") == [20.0, 180.0, 3600.0]
    with pytest.raises(Exception, match="expected times such as 20s,1m,3m, got '20'"):
        time_to_quality.seconds("20")
    with pytest.raises(SystemExit, match="run --side=tutorial"):
        time_to_quality.write_table(tmp_path / "ttq")
    row = {"seconds": 20.0, "steps": 4, "fd": 12.5, "precision": 0.5, "recall": 0.25, "smallest_class": 0.06}
    for name in ("dcgan", "tutorial"):
        about = {"name": name, "samples": 10, "machine": machine.describe(), "rows": [row, {**row, "seconds": 60.0}]}
        (tmp_path / f"ttq.{name}.json").write_text(json.dumps(about))
    time_to_quality.write_table(tmp_path / "ttq")
    page = (tmp_path / "ttq.md").read_text()
    assert "| dcgan | 20 | 4 | 12.5 | 0.5 | 0.25 | 0.06 |" in page and "| tutorial | 60 |" in page
    assert "tutorial" in (tmp_path / "ttq.svg").read_text()


# Every side, tiny.


@pytest.fixture(scope="module")
def tiny():
    settings = Settings(seconds=0.01, repeats=1, batch_size=4, width=1)
    settings.__dict__["images"] = np.random.default_rng(0).integers(0, 256, (64, 28, 28, 1), dtype=np.uint8)
    return settings


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fit", "published", "onednn", "peak", "pipeline", "sampling", "startup"])
def test_every_contender_of_a_part_works(tiny, name):
    part = parts.PARTS[name](tiny)
    found = run.measure(part, tiny)
    assert all(row["median"] > 0 for row in found["contenders"].values())
    assert len(found["ratios"]) == len(part.comparisons)
    if name == "peak":
        assert all(0 < row["median"] < 1 for row in found["details"]["share_of_peak"].values())


@pytest.mark.slow
@pytest.mark.parametrize("side", ["tutorial", "tfgen"])
def test_both_sides_of_time_to_quality_train(tmp_path, monkeypatch, side):
    import tfgen

    images = np.random.default_rng(0).integers(0, 256, (520, 28, 28, 1), dtype=np.uint8)
    examples = tfgen.data.from_arrays(images)
    source = types.SimpleNamespace(splits={"train": examples}, fields=examples.fields())

    def judge(samples):
        assert samples.shape == (30, 28, 28, 1) and samples.dtype == np.uint8
        return dict.fromkeys(("fd", "precision", "recall", "smallest_class"), 1.0)

    judge.count = 30
    marks = time_to_quality.Marks([0.001, 0.002], judge, tmp_path / "out.json", {})
    if side == "tutorial":
        narrow = network.generator(1), network.discriminator(1)
        monkeypatch.setattr(network, "generator", lambda: narrow[0])
        monkeypatch.setattr(network, "discriminator", lambda: narrow[1])
        time_to_quality.train_tutorial(source, marks, 0)
    else:
        recipe = tfgen.load_recipe("dcgan").replace(options={"width": 1})
        time_to_quality.train_tfgen(recipe, source, marks)
    steps = [row["steps"] for row in marks.rows]
    assert steps == sorted(steps) and steps[0] == 1


def test_sets_of_held_out_images_are_disjoint_and_the_page_counts_those_with_a_finding(tmp_path, monkeypatch):
    images = np.arange(3_500, dtype=np.int64)
    data = cheats.Pool(images[:0], images[:0], images[:0], images)
    seen = []
    monkeypatch.setattr(
        cheats, "findings", lambda samples, real: seen.append(samples) or ["copied"] * (1_000 in samples)
    )
    cheats.disjoint("strokes", data, None, 40, tmp_path / "strokes.json")
    assert np.array_equal(np.concatenate(seen), images[:3_000]) and [len(samples) for samples in seen] == [1_000] * 3
    assert json.loads((tmp_path / "strokes.json").read_text())["findings"] == ["set 1: copied"]
    monkeypatch.setattr(cheats, "PAGE", tmp_path / "page.md")
    cheats.PAGE.write_text("# By hand\n\n## The table\n\nstale")
    cheats.table(tmp_path)
    text = cheats.PAGE.read_text()
    assert text.startswith("# By hand\n\n## The table\n\n### Cheating samples: 0 of 0") and "stale" not in text
    assert "### Disjoint sets of held-out images, by which no threshold was chosen: 0 of 1 as they" in text
    assert "| strokes | 3 disjoint sets of held-out images | 1,000 | set 1: copied |" in text


def test_the_speed_of_a_sampler_by_hand():
    """10 calls of 250 rows in 5 s of the network, 1 call of 4 passes in 2.5 s of a sampler: 4 / 2.5 of 10 / 5."""
    windows = {samplers.NETWORK: [Window(10, 6.0, 5.0)], "euler": [Window(1, 9.0, 2.5)]}
    lines = samplers.table(windows, {samplers.NETWORK: 1, "euler": 4})
    assert lines[-2:] == ["| the network alone | 1 | 500.0 | 1.00 |", "| euler | 4 | 100.0 | 0.80 |"]


def test_contenders_of_the_speed_of_samplers_make_what_they_count():
    import tfgen

    small = {"network": "dense", "width": 4, "blocks": 1, "condition": "label"}
    flow = tfgen.build_model("flow_matching", (8, 8, 1), 3, **small)
    chosen = samplers.chosen(flow, 2)
    calls, passes = samplers.contenders(flow, chosen[:1], rows=4)
    assert [call().shape for call in calls.values()] == [(4, 8, 8, 1)] * 2 and list(passes.values()) == [1, 2]
    assert [sampler.passes for sampler in chosen] == [2, 4, 2, 2, 8]  # the last is guided: twice the passes of heun
    assert (
        len(samplers.chosen(tfgen.build_model("flow_matching", (8, 8, 1), 3, **{**small, "condition": None}), 2)) == 4
    )


def test_the_curve_of_guidance_measures_what_is_not_there(tmp_path, monkeypatch):
    import tfgen

    model = types.SimpleNamespace(digest=lambda: "0123456789")
    monkeypatch.setattr(tfgen, "load_run", lambda path: types.SimpleNamespace(model=model))
    asked = []

    def measured(run, sampler, num):
        asked.append(sampler.guidance)
        return dict.fromkeys(guidance.SCORES, f"{sampler.guidance / 10:g}")

    monkeypatch.setattr(guidance, "measured", measured)
    for scales in ("1,2", "1,2,3"):
        monkeypatch.setattr(sys, "argv", ["guidance", "--run=x", f"--scales={scales}", f"--out={tmp_path / 'curve'}"])
        guidance.main()
    assert asked == [1.0, 2.0, 3.0]
    rows = guidance.known(tmp_path / "curve.csv")
    assert [(row["guidance"], row["recall"]) for row in rows] == [("1", "0.1"), ("2", "0.2"), ("3", "0.3")]
    assert (tmp_path / "curve.svg").stat().st_size > 1000 and guidance.table(rows)[-1].startswith("| 3 | 0.3 |")
