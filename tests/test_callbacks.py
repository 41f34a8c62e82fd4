"""The callbacks one by one on a stand-in with a model's interface; test_run.py sees them on real models."""

import csv
import glob
import math
import subprocess
import sys
import time
import types

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfgen.data.source import Arrays, Field
from tfgen.errors import UserError
from tfgen.sampling.sampler import Sampling
from tfgen.storage import images
from tfgen.training import callbacks
from tfgen.training.abilities import Abilities

FIELDS = {"image": Field("image", (4, 4, 1)), "label": Field("label", range=(0, 100)), "x": Field("image", (2, 2, 1))}


class StandIn:
    """A model whose image i of label l is filled with the byte 10 l + seed."""

    name, fields, data_field, class_names = "stand_in", FIELDS, "image", None

    def __init__(self, num_classes=None, can_sample=True, source=False):
        self.num_classes, self.sampler = num_classes, "latent" if can_sample else None
        self.label_field = "label" if num_classes else None
        self.text_field = None
        self.conditions = (("label",) if num_classes else ()) + (("x",) if source else ())
        self.step = tf.Variable(0, dtype=tf.int64)
        self.first_bad_step = tf.Variable(-1, dtype=tf.int64)
        self.stop_training, self.bad_weights, self.calls = False, [], []

    sources, counterparts = Sampling.sources, Abilities.counterparts
    check_taken, sampling_conditions = Sampling.check_taken, lambda self, sampler: self.conditions
    conditions_for, _condition_rows = Sampling.conditions_for, Sampling._condition_rows
    cycles_classes = Sampling.cycles_classes
    _checked_labels, checked_rows = Sampling._checked_labels, Sampling.checked_rows

    def endpoints(self):
        return {"reconstruct": None}

    def sample(self, n, seed=0, start=0, conditions=None):
        self.calls.append((n, seed))
        values = 10 * np.asarray(conditions["label"]) + seed if "label" in conditions else np.full(n, seed)
        return np.broadcast_to(values.astype(np.uint8)[:, None, None, None], (n, 4, 4, 1))

    def reconstruct(self, images, conditions=None):
        return tf.cast(images, tf.float32) / 255.0 / 2.0

    def non_finite_weights(self):
        return self.bad_weights


def attached(callback, model=None, **keywords):
    callback.set_model(model or StandIn(**keywords))
    callback.on_train_begin()
    return callback


def epoch_of(callback, number, logs):
    callback.model.step.assign(10 * (number + 1))
    callback.on_epoch_end(number, logs)


def cells(grid, rows, columns):
    """The values at the centres of the tiles."""
    height, width = grid.shape[0] / rows, grid.shape[1] / columns
    return [
        [int(grid[int((r + 0.5) * height), int((c + 0.5) * width), 0]) for c in range(columns)] for r in range(rows)
    ]


def column(path, name):
    with open(path, newline="") as file:
        return [row[name] for row in csv.DictReader(file)]


def test_history_has_a_row_an_epoch_and_floats_that_round_trip(tmp_path):
    history = attached(callbacks.HistoryCSV(tmp_path / "history.csv"))
    epoch_of(history, 0, {"b": 0.1 + 0.2, "a": 1})
    epoch_of(history, 1, {"b": math.inf, "a": np.float32(0.1), "late": 3.0})
    assert (tmp_path / "history.csv").read_text() == (
        "epoch,step,a,b,late\n1,10,1.0,0.30000000000000004,\n2,20,0.10000000149011612,inf,3.0\n"
    )


def test_history_of_a_resumed_run_is_that_of_one_never_killed(tmp_path):
    path, rows = tmp_path / "history.csv", [{"loss": 1 / (i + 3)} for i in range(4)]
    whole = attached(callbacks.HistoryCSV(tmp_path / "whole.csv"))
    for i in range(4):
        epoch_of(whole, i, rows[i])
    killed = attached(callbacks.HistoryCSV(path))
    for i in range(3):
        epoch_of(killed, i, {"loss": rows[i]["loss"] if i < 2 else -1.0, "gone": 1.0} if i == 2 else rows[i])
    resumed = attached(callbacks.HistoryCSV(path, resume_epoch=2))
    assert column(path, "epoch") == ["1", "2"], "epochs to come are not there yet"
    for i in (2, 3):
        epoch_of(resumed, i, rows[i])
    assert path.read_text() == (tmp_path / "whole.csv").read_text()


def test_history_of_an_epoch_stopped_in_the_middle_is_replaced(tmp_path):
    history = attached(callbacks.HistoryCSV(tmp_path / "h.csv"))
    epoch_of(history, 0, {"loss": 1.0})
    epoch_of(history, 0, {"loss": 2.0})
    assert column(tmp_path / "h.csv", "loss") == ["2.0"]


def test_samples_use_the_same_noise_each_epoch_and_end_as_a_film(tmp_path):
    grid = attached(callbacks.SampleGrid(tmp_path, n=6, columns=3, seed=7))
    for epoch in range(2):
        epoch_of(grid, epoch, {})
    grid.on_train_end()
    assert grid.model.calls == [(6, 7), (6, 7)]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["epoch_0001.png", "epoch_0002.png", "progress.gif"]
    with Image.open(tmp_path / "epoch_0002.png") as picture:
        assert np.array_equal(np.asarray(picture), grid.latest[..., 0])
    assert cells(grid.latest, 2, 3) == [[7, 7, 7], [7, 7, 7]]


def test_the_film_of_a_resumed_run_has_all_epochs(tmp_path):
    for epochs in ([0, 1], [1, 2]):  # the second process runs epoch 2 again
        grid = attached(callbacks.SampleGrid(tmp_path, n=1, seed=epochs[0]))
        for epoch in epochs:
            epoch_of(grid, epoch, {})
    for number, value in ((9999, 8), (10000, 9)):
        images.save_png(tmp_path / f"epoch_{number}.png", np.full(grid.latest.shape[:2], value, np.uint8))
    grid.on_train_end()
    seen = []
    with Image.open(tmp_path / "progress.gif") as film:
        for i in range(film.n_frames):
            film.seek(i)
            seen.append(film.convert("L").getpixel((film.width // 2, film.height // 2)))
    assert seen == [9, 0, 1, 8], "the last one, then the others by number and not by letter; Pillow joins equal frames"


@pytest.mark.parametrize(
    "classes, n, shape", [(10, 100, (10, 10)), (3, 100, (3, 10)), (10, 40, (10, 4)), (100, 100, (20, 5))]
)
def test_one_class_a_row(tmp_path, classes, n, shape):
    grid = attached(callbacks.SampleGrid(tmp_path, n=n), num_classes=classes)
    epoch_of(grid, 0, {})
    assert cells(grid.latest, *shape) == [[10 * row] * shape[1] for row in range(shape[0])]


def test_given_conditions_are_used_as_they_are(tmp_path):
    grid = attached(callbacks.SampleGrid(tmp_path, conditions={"label": np.array([3, 1, 2])}, columns=3), num_classes=5)
    epoch_of(grid, 0, {})
    assert cells(grid.latest, 1, 3) == [[30, 10, 20]]


def flat(values, side=4):
    return np.broadcast_to(np.asarray(values, np.uint8)[:, None, None, None], (len(values), side, side, 1))


def test_a_model_that_cannot_sample_shows_originals_above_reconstructions(tmp_path, capsys):
    originals = Arrays({"image": flat(range(0, 100, 20))})
    grid = attached(callbacks.SampleGrid(tmp_path, columns=3, examples=originals), can_sample=False)
    epoch_of(grid, 0, {})
    assert cells(grid.latest, 4, 3) == [[0, 20, 40], [0, 10, 20], [60, 80, 255], [30, 40, 255]]
    grid = attached(callbacks.SampleGrid(tmp_path), can_sample=False)
    epoch_of(grid, 0, {})
    assert "stand_in cannot sample, so its pictures are reconstructions: give SampleGrid(" in capsys.readouterr().out


def test_images_as_conditions_stand_above_their_samples(tmp_path):
    examples = Arrays({"image": flat([1, 2, 3]), "x": flat([100, 150, 200], side=2)})
    grid = attached(callbacks.SampleGrid(tmp_path, n=8, columns=2, seed=7, examples=examples), source=True)
    epoch_of(grid, 0, {})
    assert cells(grid.latest, 2, 2) == [[100, 150], [7, 7]]


def test_a_picture_that_fails_is_said_once_and_the_next_may_come(tmp_path, capsys):
    grid = attached(callbacks.SampleGrid(tmp_path, n=2))
    made = grid.model.sample
    grid.model.sample = lambda *args, **keywords: 1 / 0
    for epoch in range(2):
        epoch_of(grid, epoch, {})
    grid.on_train_end()
    assert capsys.readouterr().out.strip() == "a picture of samples could not be made: division by zero"
    grid.model.sample = made
    epoch_of(grid, 2, {})
    assert [path.name for path in tmp_path.iterdir()] == ["epoch_0003.png"]


def test_a_full_disk_ends_the_training(tmp_path, monkeypatch):
    def full(path, image):
        raise UserError("cannot write: no space left")

    monkeypatch.setattr(images, "save_png", full)
    with pytest.raises(UserError, match="no space left"):
        epoch_of(attached(callbacks.SampleGrid(tmp_path, n=2)), 0, {})


def events(folder):
    for path in sorted(glob.glob(f"{folder}/events*")):
        for event in tf.compat.v1.train.summary_iterator(path):
            for value in event.summary.value:
                yield event.step, value.tag, value.metadata.plugin_data.plugin_name, tf.make_ndarray(value.tensor)


@pytest.mark.filterwarnings("ignore:.*tf_record_iterator")
def test_tensorboard_points_lie_over_the_global_step(tmp_path):
    grid = types.SimpleNamespace(latest=np.arange(24, dtype=np.uint8).reshape(4, 6, 1))
    board = attached(callbacks.TensorBoard(tmp_path, samples=grid, every=2))
    for batch in range(5):
        board.model.step.assign_add(1)
        board.on_train_batch_end(batch, {"loss": float(batch)})
    board.on_epoch_end(0, {"loss": 0.25})
    board.on_train_end()
    seen = list(events(tmp_path))
    scalars = [(step, tag, plugin, float(value)) for step, tag, plugin, value in seen if plugin == "scalars"]
    assert scalars == [
        (2, "within_epoch/loss", "scalars", 1.0),
        (4, "within_epoch/loss", "scalars", 3.0),
        (5, "loss", "scalars", 0.25),
    ]
    ((step, tag, _, (width, height, png)),) = [event for event in seen if event[2] == "images"]
    assert (step, tag, width, height) == (5, "samples", b"6", b"4")
    assert np.array_equal(tf.io.decode_png(png).numpy(), grid.latest)


def test_tensorboard_itself_reads_the_events(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    grid = types.SimpleNamespace(latest=np.zeros((4, 6, 3), np.uint8))
    board = attached(callbacks.TensorBoard(tmp_path, samples=grid))
    epoch_of(board, 0, {"loss": 0.5})
    board.on_train_end()
    read = accumulator.EventAccumulator(str(tmp_path), size_guidance={"tensors": 0}).Reload()
    assert read.summary_metadata["loss"].plugin_data.plugin_name == "scalars"
    assert read.summary_metadata["samples"].plugin_data.plugin_name == "images"
    (point,) = read.Tensors("loss")
    assert point.step == 10 and tf.make_ndarray(point.tensor_proto) == 0.5


@pytest.mark.slow
def test_tensorboard_needs_no_tensorboard_package(tmp_path):
    program = (
        "import sys; sys.modules['tensorboard'] = None\n"
        "import types, numpy as np, tensorflow as tf\nfrom tfgen.training import callbacks\n"
        "board = callbacks.TensorBoard(sys.argv[1], types.SimpleNamespace(latest=np.zeros((4, 4, 1), np.uint8)))\n"
        "board.set_model(types.SimpleNamespace(step=tf.Variable(3)))\n"
        "board.on_train_begin(); board.on_epoch_end(0, {'loss': 1.0}); board.on_train_end()\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    assert [event[:3] for event in events(tmp_path)] == [(3, "loss", "scalars"), (3, "samples", "images")]


def test_time_that_is_up_stops_training_and_says_so(capsys):
    stop = attached(callbacks.StopAfter(1.0, since=time.monotonic() - 30))
    stop.on_train_batch_end(0)
    assert not stop.model.stop_training and not stop.stopped and not capsys.readouterr().out
    late = attached(callbacks.StopAfter(1.0, since=time.monotonic() - 61))
    late.model.step.assign(12)
    late.on_train_batch_end(0)
    late.on_train_batch_end(1)
    assert late.model.stop_training and late.stopped
    out = capsys.readouterr().out
    assert out.count("max_minutes=1 are over: stopped after step 12") == 1
    with pytest.raises(UserError, match="max_minutes must be positive, got -1"):
        callbacks.StopAfter(-1)


def test_cpu_seconds_that_are_used_up_stop_training(capsys):
    used = time.process_time()
    stop = attached(callbacks.StopAfterCPU(used + 1000))
    stop.on_train_begin()
    stop.on_train_batch_end(0)
    assert not stop.model.stop_training
    late = attached(callbacks.StopAfterCPU(used / 2))
    late.on_train_begin()
    late.on_train_batch_end(0)
    assert late.model.stop_training and "max_cpu_seconds=" in capsys.readouterr().out


def test_a_bad_step_is_named_with_its_terms_and_layers():
    guard = attached(callbacks.StopOnNonFinite())
    guard.on_train_batch_end(0, {"loss": 1.0})
    guard.on_epoch_end(0, {"loss": 1.0})
    guard.model.first_bad_step.assign(17)
    guard.model.bad_weights = [f"generator/dense_{i}/kernel" for i in range(5)]
    with pytest.raises(callbacks.NonFiniteError) as caught:
        guard.on_train_batch_end(1, {"kl": math.nan, "reconstruction": 2.0})
    text = str(caught.value)
    assert "stopped at step 17: kl is nan;" in text and "reconstruction" not in text
    assert "generator/dense_0/kernel, generator/dense_1/kernel, generator/dense_2/kernel and 2 more" in text
    assert isinstance(caught.value, UserError)


def test_bad_weights_stop_at_the_end_of_an_epoch_at_the_latest():
    guard = attached(callbacks.StopOnNonFinite())
    guard.model.bad_weights = ["decoder/dense/bias"]
    with pytest.raises(callbacks.NonFiniteError, match="step 10: every logged loss is finite; .* decoder/dense/bias;"):
        epoch_of(guard, 0, {"loss": 1.0})


def test_a_new_fit_forgets_an_old_bad_step():
    model = StandIn()
    model.first_bad_step.assign(3)
    guard = attached(callbacks.StopOnNonFinite(), model)
    guard.on_train_batch_end(0, {})
    assert int(model.first_bad_step.numpy()) == -1
