"""Folders of shards: `python -m tfgen.sample --format`, and reading them back."""

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import time
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import evaluate
from tfgen.data.source import Field
from tfgen.errors import UserError
from tfgen.evaluation.files import digest, read_samples
from tfgen.evaluation.real import as_side
from tfgen.evaluation.workers import side_of_shards
from tfgen.export import save_keras_files
from tfgen.extractors import load_extractor
from tfgen.recipes.recipe import Recipe
from tfgen.runs.folder import load_run, save_record
from tfgen.sample import COMMAND
from tfgen.sampling.shards import workers
from tfgen.sampling.shards.formats import array_record, write_shard
from tfgen.sampling.shards.plan import Plan, written_once
from tfgen.sampling.shards.reading import StoredSamples

IMAGE = {"image": Field("image", (16, 16, 1))}
LABELLED = {**IMAGE, "label": Field("label", range=(0, 3))}
POINTS = {"point": Field("point", (2,))}
SMALL = {"network": "dense", "latent_dim": 2}
RUNS = {"vae": (IMAGE, {**SMALL, "units": [8]}), "cgan": (LABELLED, SMALL), "gan": (POINTS, {"latent_dim": 2})}

load_once = functools.cache(load_run)


@pytest.fixture(autouse=True, scope="module")
def loaded_once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tfgen.runs.sharding.load_run", load_once)
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """name -> a run's folder as training leaves it."""
    root = tmp_path_factory.mktemp("runs")
    for name, (fields, options) in RUNS.items():
        keras.utils.set_random_seed(0)
        model = tfgen.build_model(name, fields=fields, **options)
        save_record(root / name, Recipe(model=name, options=options), fields, class_names=["T-shirt", "Dress", "Bag"])
        save_keras_files(model, root / name / "models")
    return root


def sample(runs, name, *flags):
    return COMMAND([f"--run={runs / name}", *map(str, flags)])


def expected(runs, name, num, **how):
    return load_once(str(runs / name)).model.sample(num, **how)


def records(path):
    """The examples of an ArrayRecord file, parsed by TensorFlow's own operations."""
    reader = array_record().ArrayRecordReader(str(path))
    features = {"image": tf.io.FixedLenFeature([], tf.string), "index": tf.io.FixedLenFeature([], tf.int64)}
    features["label"] = tf.io.FixedLenFeature([], tf.int64, -1)
    parsed = [tf.io.parse_single_example(record, features) for record in reader.read_all()]
    return [(tf.io.decode_png(p["image"]).numpy(), int(p["index"]), int(p["label"])) for p in parsed]


def made(folder):
    """Shards (and what else is visible) by name -> time of the last change."""
    return {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}


# Which images lie where, and who makes them.


def test_a_plan_has_equal_parts_and_shares_them_out(tmp_path):
    plan = Plan(tmp_path, "npz", 10, 3)
    assert [plan.bounds(shard) for shard in range(3)] == [(0, 3), (3, 6), (6, 10)]
    assert plan.path(2).name == "samples-00002-of-00003.npz"
    plan = Plan(tmp_path, "png", 10, 5)
    assert plan.missing() == [0, 1, 2, 3, 4] and plan.missing(1, 2) == [1, 3]
    plan.path(1).mkdir()
    assert plan.missing(1, 2) == [3]
    with pytest.raises(UserError, match="at most --num=10, got 11"):
        Plan(tmp_path, "npz", 10, 11)


CLUSTER = json.dumps({"cluster": {"chief": ["a:1"], "worker": ["b:1", "c:1"]}, "task": {"type": "worker", "index": 1}})


@pytest.mark.parametrize(
    "worker, number, environ, wanted",
    [
        (None, None, {}, (None, 1)),
        (None, 4, {}, (None, 4)),
        (2, 4, {}, (2, 4)),
        (None, None, {"TF_CONFIG": CLUSTER}, (2, 3)),
        (0, 2, {"TF_CONFIG": CLUSTER}, (0, 2)),
        (None, 4, {"TF_CONFIG": "{}"}, (None, 4)),
        (None, None, {"SLURM_PROCID": "3", "SLURM_NTASKS": "8"}, (3, 8)),
        (None, 4, {"SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, (None, 4)),
        (None, 5, {"JOB_COMPLETION_INDEX": "4"}, (4, 5)),
    ],
)
def test_a_worker_knows_its_place_by_flags_or_by_its_cluster(worker, number, environ, wanted):
    assert workers.place(worker, number, environ) == wanted


@pytest.mark.parametrize(
    "worker, number, environ, sentence",
    [
        (1, None, {}, "--worker says that this is worker 1, but not how many there are: give --workers=N"),
        (2, 2, {}, "--worker says that this is worker 2, of 2 workers 0..1"),
        (None, None, {"JOB_COMPLETION_INDEX": "0"}, "JOB_COMPLETION_INDEX says that this is worker 0, but not how"),
        (None, None, {"TF_CONFIG": "{"}, "TF_CONFIG names no worker of its cluster"),
        (None, None, {"TF_CONFIG": CLUSTER.replace('"worker", "in', '"ps", "in')}, "TF_CONFIG names no worker"),
    ],
)
def test_a_place_that_is_half_said_is_refused(worker, number, environ, sentence):
    with pytest.raises(UserError, match=sentence.replace(".", r"\.")):
        workers.place(worker, number, environ)


def test_threads_are_shared_and_what_is_set_stays(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(8))
    environ = {"OMP_NUM_THREADS": "5"}
    workers.share_threads(3, environ)
    assert environ["TF_NUM_INTRAOP_THREADS"] == "2" and environ["OMP_NUM_THREADS"] == "5"
    assert not workers.share_threads(1, alone := {}) and not alone


# Filling a folder.


@pytest.mark.slow
def test_array_records_hold_the_images_in_order_whoever_makes_them(runs, tmp_path, capsys):
    out = tmp_path / "many"
    flags = ["--num=301", "--seed=3", "--format=array_record", "--shards=4", f"--out={out}"]
    assert sample(runs, "cgan", *flags, "--worker=1", "--workers=2") == 0
    assert "151 images, 2 of 4 shards are left to other workers" in capsys.readouterr().out
    assert sorted(made(out)) == [*(f"samples-0000{i}-of-00004.array_record" for i in (1, 3)), "samples.json"]
    assert sample(runs, "cgan", *flags, "--worker=0", "--workers=2") == 0
    shown = capsys.readouterr()
    assert shown.out.strip() == f"{out}: 301 images, 4 shards" and shown.err.count("worker 0: samples-0000") == 2
    found = [row for i in range(4) for row in records(out / f"samples-0000{i}-of-00004.array_record")]
    assert np.array_equal([image for image, _, _ in found], expected(runs, "cgan", 301, seed=3))
    assert [index for _, index, _ in found] == list(range(301))
    assert [label for _, _, label in found] == [i % 3 for i in range(301)]


def test_records_are_what_tensorflow_datasets_stores(runs, tmp_path):
    from tfgen.data.tfds import _import_tfds

    out = tmp_path / "one"
    assert sample(runs, "cgan", "--num=4", "--label=bag,0", "--format=array_record", f"--out={out}") == 0
    features = _import_tfds().features
    image, label = features.Image(shape=(16, 16, 1)), features.ClassLabel(num_classes=3)
    stored = features.FeaturesDict({"image": image, "label": label, "index": features.Scalar(np.int64)})
    reader = array_record().ArrayRecordReader(str(out / "samples-00000-of-00001.array_record"))
    assert reader.writer_options_string().startswith("group_size:1,"), "random access"
    rows = [stored.deserialize_example_np(record) for record in reader.read_all()]
    assert [int(row["label"]) for row in rows] == [2, 0, 2, 0]
    assert np.array_equal([row["image"] for row in rows], expected(runs, "cgan", 4, label=[2, 0]))


def test_a_second_run_makes_what_is_missing_and_nothing_else(runs, tmp_path, capsys):
    out = tmp_path / "p"
    flags = ["--num=7", "--format=png", "--shards=3", f"--out={out}"]
    assert sample(runs, "cgan", *flags) == 0
    first = made(out)
    assert (out / "samples-00002-of-00003" / "labels.csv").read_text() == (
        "file,label\n000004.png,1\n000005.png,2\n000006.png,0\n"
    )
    (lost := out / "samples-00001-of-00003").rename(tmp_path / "lost")
    (out / ".samples-00001-of-00003.elsewhere-1.partial").mkdir()  # as a process that was killed leaves it
    capsys.readouterr()
    assert sample(runs, "cgan", *flags, "--workers=1") == 0
    assert capsys.readouterr().err.count("worker 0: samples-0000") == 1
    again = made(out)
    assert set(again) == set(first) and {n for n in first if first[n] != again[n]} == {lost.name}
    assert sorted(path.name for path in lost.iterdir()) == ["000002.png", "000003.png", "labels.csv"]
    for path in lost.iterdir():
        assert path.read_bytes() == (tmp_path / "lost" / path.name).read_bytes()
    assert sample(runs, "cgan", *flags) == 0 and made(out) == again


def test_a_batch_is_the_same_whatever_the_shards(runs, tmp_path):
    for shards in (1, 3):
        flags = ["--num=300", "--stochastic", "--format=npz", f"--shards={shards}", f"--out={tmp_path / str(shards)}"]
        assert sample(runs, "vae", *flags) == 0
    whole, parts = (np.asarray(StoredSamples(tmp_path / name)) for name in "13")
    assert np.array_equal(whole, parts) and np.array_equal(whole, expected(runs, "vae", 300, stochastic=True))


@pytest.mark.parametrize(
    "flags, sentence",
    [
        (["--num=9"], "num was 8, now 9"),
        (["--seed=1"], "seed was 0, now 1"),
        (["--shards=4"], "shards was 2, now 4"),
        (["--label=1"], "label was [0, 1, 2], now [1]"),
        (["--format=png"], "format was npz, now png"),
    ],
)
def test_another_recipe_is_refused(runs, tmp_path, capsys, flags, sentence):
    out = tmp_path / "s"
    same = ["--num=8", "--format=npz", "--shards=2", f"--out={out}"]
    assert sample(runs, "cgan", *same, "--label=0,1,2") == 0, "all classes in turn, as without the flag"
    before = made(out)
    assert sample(runs, "cgan", *same, *flags) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "holds samples of another recipe" in error and sentence in error and made(out) == before


def test_other_weights_are_refused_and_another_place_of_the_run_is_not(runs, tmp_path, capsys, monkeypatch):
    out = tmp_path / "s"
    flags = ["--num=4", "--format=npz", f"--out={out}"]
    assert sample(runs, "vae", *flags) == 0
    (tmp_path / "moved").symlink_to(runs / "vae")
    assert COMMAND([f"--run={tmp_path / 'moved'}", *flags]) == 0
    model = load_once(str(runs / "vae")).model
    monkeypatch.setattr(model, "digest", lambda: "another")
    assert sample(runs, "vae", *flags) == 2 and "now another" in capsys.readouterr().err


def test_what_a_worker_that_died_has_left_is_made_here(runs, tmp_path, capsys, monkeypatch):
    @contextlib.contextmanager
    def killed(module, arguments, number):
        assert number == 3 and f"--out={tmp_path / 's'}" in arguments and "--label=0" in arguments
        yield [types.SimpleNamespace(returncode=-9), types.SimpleNamespace(returncode=0)]

    monkeypatch.setattr("tfgen.runs.sharding.workers.started", killed)
    monkeypatch.setattr("tfgen.runs.sharding.workers.share_threads", lambda number: None)
    flags = ["--num=6", "--label=0", "--format=npz", "--shards=6", "--workers=3", f"--out={tmp_path / 's'}"]
    assert sample(runs, "cgan", *flags) == 0
    shown = capsys.readouterr()
    assert "worker 1 ended early (exit code -9)" in shown.err and shown.out.endswith("6 images, 6 shards\n")


def test_a_shard_is_whole_or_not_there(tmp_path):
    path = tmp_path / "samples-00000-of-00001.npz"
    with pytest.raises(ZeroDivisionError), written_once(path) as partial:
        partial.write_text("half")
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())
    with written_once(folder := tmp_path / "samples-00000-of-00001") as partial:
        partial.mkdir()
        (partial / "a").touch()
    with written_once(folder) as partial:  # a second process, later: a folder cannot be renamed over a full one
        partial.mkdir()
        (partial / "a").write_text("late")
    assert [p.name for p in tmp_path.iterdir()] == [folder.name] and not (folder / "a").read_text()
    with pytest.raises(FileNotFoundError), written_once(path):
        pass


def test_a_disk_that_refuses_is_a_sentence(tmp_path):
    chunks = iter([np.zeros((1, 8, 8, 1), np.uint8)])
    with pytest.raises(UserError, match="cannot write .*none.*: open"):
        write_shard(tmp_path / "none" / "a.array_record", "array_record", chunks, (1, 8, 8, 1))


@pytest.mark.parametrize(
    "name, flags, sentence",
    [
        ("vae", ["--format=png", "--out=a.npz"], "--format=png fills a folder with shards: give --out=FOLDER, got a"),
        ("vae", ["--format=tar"], "expected one of array_record, png, npz, got 'tar'"),
        ("vae", ["--workers=2"], "--workers is for folders of shards: give --format=array_record|png|npz too"),
        ("vae", ["--format=npz", "--num=2", "--shards=3", "--out=a"], "at most --num=2, got 3"),
        ("vae", ["--format=npz", "--label=1", "--out=a"], "vae is not conditional and takes no label"),
        ("cgan", ["--format=npz", "--stochastic", "--out=a"], "has no distribution of pixels"),
        ("gan", ["--format=png", "--out=a"], "points are written as --format=npz, got png"),
        ("vae", ["--format=npz", "--worker=1", "--out=a"], "but not how many there are: give --workers=N"),
        ("vae", ["--format=npz", "--out=full"], "holds 'mine.txt' and no samples.json; give an empty or a new folder"),
        ("vae", ["--format=npz", "--out=full/mine.txt"], "mine.txt is a file; shards are written to a folder"),
    ],
)
def test_mistakes_are_one_sentence_and_nothing_is_written(runs, tmp_path, monkeypatch, capsys, name, flags, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    assert sample(runs, name, *flags) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1 and error.startswith("tfgen sample: ")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["full", "mine.txt"]


def test_without_out_shards_lie_with_the_runs_samples(runs, capsys):
    before = signal.getsignal(signal.SIGTERM)
    assert sample(runs, "vae", "--num=3", "--format=npz") == 0
    assert signal.getsignal(signal.SIGTERM) is before
    out = runs / "vae" / "samples" / "seed0_3_npz"
    assert sorted(made(out)) == ["samples-00000-of-00001.npz", "samples.json"] and str(out) in capsys.readouterr().out


# Reading it back.


@pytest.fixture(scope="module", params=["array_record", "png", "npz"])
def folder(request, runs):
    out = runs / f"read_{request.param}"
    assert (
        COMMAND([f"--run={runs / 'cgan'}", "--num=10", f"--format={request.param}", "--shards=3", f"--out={out}"]) == 0
    )
    return out


def test_stored_samples_are_an_array_that_is_decoded_bit_by_bit(runs, folder):
    images, stored = expected(runs, "cgan", 10), StoredSamples(folder)
    assert stored.shape == (10, 16, 16, 1) and stored.dtype == np.uint8 and len(stored) == 10
    for rows in (slice(None), slice(2, 7), slice(9, 0, -3), np.array([9, 0, 4, 4]), [3]):
        assert np.array_equal(stored[rows], images[rows])
    assert np.array_equal(stored[5], images[5]) and np.array_equal(stored[-1], images[-1])
    assert stored.labels.tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]
    assert [len(part) for part in stored.chunks()] == [10] and np.array_equal(next(stored.chunks()), images)
    assert len(few := StoredSamples(folder, 4)) == 4 and np.array_equal(np.asarray(few), images[:4])
    with pytest.raises(IndexError):
        few[4]


def test_samples_of_an_evaluation_may_be_shards(runs, folder, monkeypatch):
    monkeypatch.setattr("tfgen.evaluation.real.CHUNK", 4)
    monkeypatch.setattr("tfgen.evaluation.files.CHUNK", 3)
    samples, labels, _ = read_samples(folder, 9)
    images, seen = expected(runs, "cgan", 9), []

    def features(part):
        seen.append(len(part))
        return part.reshape(len(part), -1).astype(np.float32)

    side = as_side(types.SimpleNamespace(classes=None, features=features), samples, labels)
    assert seen == [4, 4, 1] and np.array_equal(side.features, images.reshape(9, -1))
    assert digest(samples) == digest(images) and labels.tolist() == [0, 1, 2] * 3


def test_what_is_missing_or_damaged_is_said(runs, tmp_path):
    out = tmp_path / "s"
    assert sample(runs, "vae", "--num=6", "--format=array_record", "--shards=2", f"--out={out}") == 0
    path = out / "samples-00001-of-00002.array_record"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UserError, match="samples-00001-of-00002.array_record is damaged .*delete it"):
        StoredSamples(out)[3:]
    path.unlink()
    with pytest.raises(UserError, match="lacks 1 of 2 shards, samples-00001-of-00002.array_record the first"):
        read_samples(out)
    (out / "samples.json").write_text("{}")
    with pytest.raises(UserError, match="samples.json is damaged"):
        read_samples(out)


def test_points_are_read_whole(runs, tmp_path):
    assert sample(runs, "gan", "--num=5", "--format=npz", "--shards=2", f"--out={tmp_path / 's'}") == 0
    points, labels, _ = read_samples(tmp_path / "s")
    assert labels is None and points.dtype == np.float32 and np.array_equal(points, expected(runs, "gan", 5))


# Processes.


def test_processes_need_shards():
    with pytest.raises(UserError, match="several workers read samples in shards: --samples=FOLDER"):
        side_of_shards(np.zeros((4, 16, 16, 1), np.uint8), "fashion_mnist", 2)


def test_a_run_is_not_evaluated_by_several_processes(runs, capsys):
    assert evaluate.COMMAND([f"--run={runs / 'vae'}", "--workers=2"]) == 2
    assert "--workers is for samples in shards: make them with tfgen.sample" in capsys.readouterr().err


@pytest.mark.slow
def test_features_by_two_processes_are_those_of_one(runs, tmp_path, monkeypatch):
    out = tmp_path / "s"
    assert sample(runs, "cgan", "--num=4300", "--format=array_record", "--shards=3", f"--out={out}") == 0
    monkeypatch.delenv("TF_NUM_INTEROP_THREADS", raising=False)
    stored = StoredSamples(out, 4200)
    side = side_of_shards(stored, "fashion_mnist", 2)
    assert "TF_NUM_INTEROP_THREADS" not in os.environ
    alone = as_side(load_extractor("fashion_mnist"), stored, stored.labels)
    assert np.array_equal(side.labels, alone.labels) and len(side) == 4200
    np.testing.assert_allclose(side.features, alone.features, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(side.probabilities, alone.probabilities, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_two_processes_fill_a_folder_also_after_a_kill(runs, tmp_path):
    out = tmp_path / "s"
    command = [sys.executable, "-m", "tfgen.sample", f"--run={runs / 'cgan'}", "--num=3000", "--format=array_record"]
    command += ["--shards=12", "--workers=2", f"--out={out}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as running:
        while running.poll() is None and len(list(out.glob("samples-*"))) < 2:
            time.sleep(0.02)
        os.killpg(running.pid, signal.SIGKILL)
    assert len(list(out.glob("samples-*"))) < 12, "killed in the middle"
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0 and done.stdout.strip() == f"{out}: 3000 images, 12 shards", done.stderr
    assert "worker 1: samples-" in done.stderr and not list(out.glob(".*"))
    assert np.abs(np.asarray(StoredSamples(out)) - expected(runs, "cgan", 3000).astype(int)).max() <= 1
