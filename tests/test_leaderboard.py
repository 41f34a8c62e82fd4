"""The leaderboard, its trainings and evaluations replaced by their outcomes."""

import csv
import dataclasses
import json
import pathlib
import shlex
import shutil

import numpy as np
import pytest
from PIL import Image

from tfgen.errors import UserError
from tfgen.evaluation import entries
from tfgen.evaluation.board import Board, last_words
from tfgen.evaluation.entries import Budget, read_entries, split_entries
from tfgen.evaluation.ranking import COLUMNS, Outcome, as_csv, interval, markdown, summary, write_picture
from tfgen.leaderboard import COMMAND
from tfgen.metrics.differences import student
from tfgen.recipes.recipe import Recipe
from tfgen.runs.lock import FolderLock

EXTRACTOR = {"name": "means", "version": "1", "sha256": "f" * 64}


def scores(value, split="test"):
    protocol = {"real": {"dataset": "set", "split": split, "count": 9}, "fake": {"count": 9}, "extractor": EXTRACTOR}
    return {name: {"value": value, "low": None, "high": None, "floor": 0.5, "protocol": protocol} for name in COLUMNS}


class World:
    """Replaces the processes: what each run scores, or that it diverges."""

    def __init__(self, values):
        self.values, self.calls = values, []

    def call(self, board, module, arguments, workdir):
        arguments = arguments + [f"--plugin={name}" for name in board.plugins]
        self.calls.append((module, workdir.name, arguments))
        value = self.values[workdir.name]
        if module == "tfgen.run":
            if value is None:
                return 2, "tfgen run: training stopped at step 7: generator_loss is nan"
            if isinstance(value, str):
                return 2, value
            (workdir / "models").mkdir(parents=True, exist_ok=True)
            (workdir / "models" / "trainer.keras").touch()
            (workdir / "recipe.json").write_text("{}")
            return 0, ""
        if isinstance(value, BaseException):
            raise value
        found = {"subject": {"step": 100}, "metrics": scores(value)}
        pathlib.Path(workdir / "evaluation.json").write_text(json.dumps(found))
        return 0, ""

    def trained(self):
        """Name of a run -> the arguments of its training."""
        return {name: arguments for module, name, arguments in self.calls if module == "tfgen.run"}


def only_vae_and_gan(entry, data_dir, metrics=None):
    if entry.recipe.model not in ("gan", "vae"):
        raise UserError(f"{entry.name} cannot draw samples and has no place on a leaderboard; leave it out")


@pytest.fixture
def world(monkeypatch):
    world = World({"gan-0": 3.0, "gan-1": 5.0, "vae-0": 1.0, "vae-1": None})
    monkeypatch.setattr(Board, "call", lambda board, *arguments: world.call(board, *arguments))
    monkeypatch.setattr(entries, "check_entry", only_vae_and_gan)
    return world


def board(tmp_path, *flags):
    return COMMAND(["--entries=gan,vae", "--budget=30s", "--seeds=2", f"--workdir={tmp_path / 'board'}", *flags])


def test_a_board_ranks_models_and_counts_diverged_runs(world, tmp_path, capsys):
    assert board(tmp_path) == 0
    text = (tmp_path / "board" / "leaderboard.md").read_text()
    assert text in capsys.readouterr().out
    rows = [line.split("|")[1:6] for line in text.splitlines() if line.startswith("| ")]
    assert [[cell.strip() for cell in row] for row in rows[1:3]] == [
        ["vae", "2", "1", "100, diverged at 7", "1"],
        # mean 4, standard deviation sqrt 2, t of 1 degree of freedom: 12.706 sqrt(2) / sqrt(2)
        ["gan", "2", "0", "100, 100", "4 ± 13"],
    ]
    assert "*0.5*" in text and "9 samples against 9 images of the test split of set" in text
    assert "learning rates as in each recipe, constant where its schedule spans all steps." in text
    assert "python -m tfgen.leaderboard --dataset=fashion_mnist_mini --budget=30s --seeds=2 --entries=gan,vae" in text
    record = json.loads((tmp_path / "board" / "leaderboard.json").read_text())
    assert [row["model"] for row in record["rows"]] == ["vae", "gan"] and len(record["entries"]) == 4


def test_every_run_has_the_same_budget_data_and_a_seed_of_its_own(world, tmp_path):
    board(tmp_path, "--dataset=mnist")
    assert list(world.trained()) == ["gan-0", "vae-0", "gan-1", "vae-1"]
    for name, arguments in world.trained().items():
        model, seed = name.split("-")
        expected = {"--max_minutes=0.5", "--dataset=mnist", "--resume=never"}
        assert expected | {f"--model={model}", f"--seed={seed}"} <= set(arguments)


def test_plugins_and_the_folder_of_the_data_reach_every_process(monkeypatch, tmp_path):
    calls = []

    def run(command, log):
        calls.append(command[1:])
        log.write_text("out\n")
        return 0

    monkeypatch.setattr("tfgen.evaluation.board.run_child", run)
    monkeypatch.setattr(entries, "check_entry", lambda entry, data_dir, metrics: None)
    one = Board("mnist", "1m", entries=["vae"], data_dir="somewhere", plugins=["first", "second"])
    assert one.call("tfgen.run", ["--model=vae"], tmp_path / "vae-0") == (0, "out\n")
    assert calls == [
        ["-m", "tfgen.run", "--model=vae", "--plugin=first", "--plugin=second", "--data_dir=somewhere"],
    ]
    assert (tmp_path / "vae-0.run.log").read_text() == "out\n"
    assert one.command.endswith("--entries=vae --data_dir=somewhere --plugin=first --plugin=second")


def test_finished_runs_are_not_run_again(world, tmp_path):
    board(tmp_path)
    count = len(world.calls)
    board(tmp_path)
    assert len(world.calls) == count == 7  # the diverged run is not evaluated
    world.values["gan-2"] = world.values["vae-2"] = 2.0
    board(tmp_path, "--seeds=3")
    assert [name for _, name, _ in world.calls[count:]] == ["gan-2", "gan-2", "vae-2", "vae-2"]


def test_a_board_of_some_scores_asks_for_these_alone(world, tmp_path):
    board(tmp_path, "--metrics=fd, recall")
    asked = [
        [f for f in flags if f.startswith("--metrics")] for module, _, flags in world.calls if "evaluate" in module
    ]
    assert asked == [["--metrics=fd,recall"]] * 3
    assert "--metrics=fd,recall`" in (tmp_path / "board" / "leaderboard.md").read_text()
    count = len(world.calls)
    board(tmp_path, "--metrics=fd,recall")
    assert len(world.calls) == count


def test_a_score_that_an_entry_cannot_have_is_found_before_any_training():
    assert [entry.name for entry in read_entries(["vae"], "shapes", metrics=["mig", "nll"])] == ["vae"]
    with pytest.raises(UserError, match="gan: unknown metric 'mig'"):
        read_entries(["gan"], "shapes", metrics=["mig"])


@pytest.mark.parametrize("flag", ["--metrics=fd", "--budget=1m", "--budget=30steps", "--num=20", "--dataset=mnist"])
def test_other_settings_are_another_board(world, tmp_path, capsys, flag):
    board(tmp_path)
    assert board(tmp_path, flag) == 2
    assert "holds a board of other settings (gan-0.json); choose another --workdir" in capsys.readouterr().err


def test_a_run_that_fails_is_said_and_the_others_are_in_the_table(world, tmp_path, capsys):
    world.values["gan-0"] = "tfgen run: there is no data"
    assert board(tmp_path) == 2
    out, err = capsys.readouterr()
    sentence = "gan could not be trained with seed 0: tfgen run: there is no data"
    assert f"{sentence}\n" in out and sentence in err and err.count("\n") == 1
    record = json.loads((tmp_path / "board" / "leaderboard.json").read_text())
    assert [(one["model"], one["seed"]) for one in record["entries"]] == [("vae", 0), ("gan", 1), ("vae", 1)]
    world.values["gan-0"] = 2.0
    assert board(tmp_path) == 0, "the same command does what has failed, and no more"
    assert [name for module, name, _ in world.calls if module == "tfgen.run"].count("gan-1") == 1


def test_a_killed_process_is_a_sentence(world, monkeypatch):
    assert last_words(-9, "step 3\n") == "it was killed by SIGKILL; perhaps there was no memory left"
    assert last_words(-11, "") == "it was killed by SIGSEGV"
    assert last_words(1, "Traceback\nKeyError: 3\n\n") == "KeyError: 3"
    assert last_words(1, " \n") == "it ended with exit code 1 and printed nothing"


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), UserError("the disk is full")])
def test_what_was_trained_is_evaluated_and_not_trained_again(world, tmp_path, failure):
    world.values["gan-0"] = failure
    assert board(tmp_path) in (2, 130)
    world.values["gan-0"], count = 3.0, len(world.calls)
    assert board(tmp_path) == 0
    assert world.calls[count][:2] == ("tfgen.evaluate", "gan-0")
    assert [name for module, name, _ in world.calls if module == "tfgen.run"].count("gan-0") == 1


def test_a_training_that_was_cut_short_starts_anew_and_leaves_nothing(world, tmp_path):
    folder = tmp_path / "board" / "gan-0"

    def cut_short(board, module, arguments, workdir):
        (workdir / "checkpoints").mkdir(parents=True)
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Board, "call", cut_short)
            assert board(tmp_path) == 130
    assert (folder / "checkpoints").is_dir()
    assert board(tmp_path) == 0 and not (folder / "checkpoints").exists()
    assert not list((tmp_path / "board").glob("*.old*")) and not (tmp_path / "board" / ".lock").exists()


def test_a_folder_that_is_not_the_boards_is_not_removed(world, tmp_path):
    kept = tmp_path / "board" / "gan-0" / "mine.txt"
    kept.parent.mkdir(parents=True)
    kept.touch()
    assert board(tmp_path) == 0 and kept.exists()


def test_two_boards_do_not_share_a_folder(world, tmp_path, capsys):
    with FolderLock(tmp_path / "board" / ".lock") as lock:
        lock.take()
        assert board(tmp_path) == 2 and world.calls == []
    assert "is locked: this process trains there" in capsys.readouterr().err


def test_all_that_is_done_is_in_the_table_from_the_start(world, tmp_path):
    board(tmp_path)
    (tmp_path / "board" / "gan-0.json").unlink()
    world.values["gan-0"] = "tfgen run: no"
    assert board(tmp_path) == 2
    record = json.loads((tmp_path / "board" / "leaderboard.json").read_text())
    assert len(record["entries"]) == 3


def test_a_picture_that_fails_does_not_end_a_finished_board(world, tmp_path, capsys):
    (tmp_path / "board" / "gan-0" / "models").mkdir(parents=True)
    assert board(tmp_path) == 0
    assert "no leaderboard.png: " in capsys.readouterr().out


# --- entries


def recipe_file(path, text="tfgen.Recipe('gan', batch_size=50, epochs=3)"):
    path.write_text(f"import tfgen\n\ndef recipe():\n    return {text}\n")
    return path


def test_models_configs_and_files_compete(world, tmp_path):
    path = recipe_file(tmp_path / "mine.py")
    world.values = {"vae-0": 1.0, "gan_paper-0": 2.0, "mine-0": 3.0}
    assert board(tmp_path, f"--entries=vae, gan_paper,{path}", "--seeds=1", "--budget=1000images") == 0
    flags = {name: set(arguments) for name, arguments in world.trained().items()}
    assert list(flags) == ["vae-0", "gan_paper-0", "mine-0"]
    assert "--model=vae" in flags["vae-0"] and "--config=gan_paper" in flags["gan_paper-0"]
    assert {f"--config={path}", "--dataset=fashion_mnist_mini", "--steps=20"} <= flags["mine-0"]


def test_a_model_competes_by_its_own_recipe_for_the_data_set(world):
    vae, grid = read_entries(["vae", "gan_grid"], "binarized_mnist")
    assert (vae.flags, vae.recipe.dataset, vae.recipe.batch_size) == (("--model=vae",), "binarized_mnist", 100)
    assert (grid.flags, grid.recipe.dataset) == (("--config=gan_grid",), "binarized_mnist")


def test_by_default_every_model_that_fits_competes(world, capsys):
    assert [entry.name for entry in read_entries([], "fashion_mnist_mini")] == ["gan", "vae"]
    assert "left out: ae cannot draw samples" in capsys.readouterr().out


def test_a_model_without_a_sampler_or_for_other_data_is_found_before_any_training():
    with pytest.raises(UserError, match="^ae cannot draw samples and has no place on a leaderboard"):
        read_entries(["ae"], "fashion_mnist_mini")
    with pytest.raises(UserError, match="^dcgan: "):
        read_entries(["dcgan"], "ring")
    assert [entry.name for entry in read_entries(["gan"], "fashion_mnist_mini")] == ["gan"]


def test_names_on_a_board_differ(world, tmp_path):
    (tmp_path / "other").mkdir()
    one, two = recipe_file(tmp_path / "gan.py"), recipe_file(tmp_path / "other" / "gan.py")
    texts = ["gan", str(one), str(two), "vae", f"{one}:width=8"]
    named = [entry.name for entry in read_entries(texts, "fashion_mnist_mini")]
    assert named == ["gan", str(one), str(two), "vae", "gan:width=8"]
    for one, two in (("gan", "gan"), ("gan:loss=a", "gan:loss=a"), ("gan:loss=a+b", "gan:loss=a b")):
        with pytest.raises(UserError, match="is given twice, or differs by signs alone"):
            read_entries([one, "vae", two], "fashion_mnist_mini")


@pytest.mark.parametrize("text", [",", " ", ""])
def test_entries_that_name_none_are_not_all_models(world, tmp_path, text, capsys):
    assert COMMAND([f"--entries={text}", f"--workdir={tmp_path / 'board'}"]) == 2
    assert "--entries expects names of models" in capsys.readouterr().err and not world.calls


def test_a_change_is_given_once(world):
    with pytest.raises(UserError, match="width in 'dcgan:width=8:width=9' is given 2 times"):
        read_entries(["dcgan:width=8:width=9"], "fashion_mnist_mini")


def test_a_variant_is_an_entry_with_its_changes(world, tmp_path):
    plain, hinge = read_entries(["gan", "gan:loss=hinge:batch_size=32:mirror=true"], "fashion_mnist_mini")
    assert hinge.flags == ("--model=gan", "--set=loss=hinge", "--batch_size=32", "--mirror=true")
    assert hinge.recipe.options == {**plain.recipe.options, "loss": "hinge"}
    assert (hinge.recipe.batch_size, hinge.recipe.mirror) == (32, True)
    world.values = {"gan-0": 2.0, "gan-loss-hinge-units--8-8--0": 1.0}
    text = "--entries=gan,gan:loss=hinge:units=(8,8)"
    flags = [text, "--budget=9steps", "--seeds=1", f"--workdir={tmp_path / 'board'}"]
    assert COMMAND(flags) == 0
    passed = set(world.trained()["gan-loss-hinge-units--8-8--0"])
    assert {"--model=gan", "--set=loss=hinge", "--set=units=(8,8)", "--steps=9"} <= passed
    record = json.loads((tmp_path / "board" / "leaderboard.json").read_text())
    assert f"'{text}'" in record["command"], "quoted: a shell has brackets of its own"
    assert set(flags) <= set(shlex.split(record["command"]))
    count = len(world.calls)
    assert COMMAND(flags) == 0 and len(world.calls) == count, "a finished board is not repeated"


def test_the_table_is_csv_as_well(world, tmp_path):
    board(tmp_path)
    with open(tmp_path / "board" / "leaderboard.csv", newline="") as file:
        vae, gan = csv.DictReader(file)
    assert [vae[name] for name in ("model", "runs", "diverged", "fd", "fd_half_interval")] == [
        "vae",
        "2",
        "1",
        "1.0",
        "",
    ]
    assert (gan["model"], gan["steps"], gan["run_steps"], gan["fd"]) == ("gan", "100", "100, 100", "4.0")
    assert float(gan["fd_half_interval"]) == pytest.approx(12.706205)


def test_a_board_of_earlier_recipes_goes_on(world, tmp_path):
    board(tmp_path)
    count, path = len(world.calls), tmp_path / "board" / "vae-0.json"
    saved = json.loads(path.read_text())
    del saved["wanted"]["recipe"]["logger"]  # a field that recipes had not always
    path.write_text(json.dumps(saved))
    assert board(tmp_path) == 0 and len(world.calls) == count


def test_entries_end_at_commas_outside_of_brackets():
    assert split_entries(" a, b:units=(8, 9) ,,c:x=[1,{2,3}],d") == ["a", "b:units=(8, 9)", "c:x=[1,{2,3}]", "d"]
    assert split_entries("a),b") == ["a)", "b"] and split_entries("") == []


# --- budgets


@pytest.mark.parametrize(
    "text, flags",
    [
        ("90s", ["--max_minutes=1.5", "--epochs=1000000"]),
        ("10m", ["--max_minutes=10.0", "--epochs=1000000"]),
        ("2h", ["--max_minutes=120.0", "--epochs=1000000"]),
        ("0.5m", ["--max_minutes=0.5", "--epochs=1000000"]),
        ("60cpu", ["--max_cpu_seconds=60.0", "--epochs=1000000"]),
        ("60", ["--max_cpu_seconds=60.0", "--epochs=1000000"]),
        ("2000steps", ["--steps=2000"]),
        ("2e3steps", ["--steps=2000"]),
        ("1e6images", ["--steps=15625"]),
        ("100 images", ["--steps=1"]),
        ("10images", ["--steps=1"]),
    ],
)
def test_a_budget_is_a_time_or_steps_or_images(text, flags):
    assert Budget.parse(text).flags(Recipe("gan", batch_size=64)) == flags


@pytest.mark.parametrize(
    "schedule, budget, constant, kept",
    [
        ("cosine", "60cpu", False, False),  # within a time nobody knows all its steps
        ({"name": "linear", "warmup": 0.1}, "1m", False, False),
        ({"name": "exponential", "rate": 1.001}, "60cpu", False, True),
        ({"name": "stages", "epochs": [1, 1], "factors": [1, 0.1]}, "1m", False, True),
        ("cosine", "30steps", False, True),
        ("cosine", "640images", False, True),
        ({"name": "exponential", "rate": 1.001}, "60cpu", True, False),
        ("cosine", "30steps", True, False),
        ("cosine", "640images", True, False),
    ],
)
def test_schedules_are_kept_where_they_can_be(schedule, budget, constant, kept):
    flags = Budget.parse(budget).flags(Recipe("gan", batch_size=64, schedule=schedule), constant)
    assert ("--set=schedule=constant" not in flags) == kept


@pytest.mark.parametrize(
    "flags, sentence",
    [
        (["--budget=30steps"], "as in each recipe."),
        (["--budget=1m"], "as in each recipe, constant where its schedule spans all steps."),
        (["--budget=1m", "--constant_rates"], "constant."),
        (["--budget=30steps", "--constant_rates"], "constant."),
    ],
)
def test_a_table_says_what_rates_its_runs_had(world, tmp_path, flags, sentence):
    board(tmp_path, *flags)
    text = (tmp_path / "board" / "leaderboard.md").read_text()
    assert f"learning rates {sentence}" in text and ("--constant_rates" in text) == ("--constant_rates" in flags)


def test_runs_of_other_rates_are_of_another_board(world, tmp_path, capsys):
    """Before there was a choice, rates within a time were constant; what the budget replaces may change in a recipe."""
    board(tmp_path, "--budget=1m", "--constant_rates")
    files = sorted((tmp_path / "board").glob("*-0.json"))
    for path in files:
        record = json.loads(path.read_text())
        assert "constant_rates" not in record["wanted"]
        record["wanted"]["recipe"] |= {"epochs": 77, "schedule": {"name": "exponential", "rate": 1.5}}
        path.write_text(json.dumps(record))
    calls = len(world.calls)
    assert board(tmp_path, "--budget=1m", "--constant_rates") == 0 and len(world.calls) == calls
    capsys.readouterr()
    assert board(tmp_path, "--budget=1m") == 2
    assert ".json were constant: give --constant_rates, or choose another --workdir" in capsys.readouterr().err
    record["wanted"]["recipe"]["batch_size"] = 63
    path.write_text(json.dumps(record))
    assert board(tmp_path, "--budget=1m", "--constant_rates") == 2
    assert "a board of other settings" in capsys.readouterr().err
    assert len(world.calls) == calls


@pytest.mark.parametrize(
    "budget, limit, refused",
    [
        ("30steps", {"max_minutes": 0.01}, "max_minutes=0.01"),
        ("640images", {"max_cpu_seconds": 5}, "max_cpu_seconds=5.0"),
        ("60cpu", {"max_minutes": 1.0}, "max_minutes=1.0"),
        ("1m", {"max_cpu_seconds": 5}, "max_cpu_seconds=5.0"),
        ("1m", {"max_minutes": 0.01}, None),  # the budget takes its place
        ("60cpu", {"max_cpu_seconds": 5}, None),
    ],
)
def test_a_recipe_has_no_limit_of_its_own(budget, limit, refused):
    recipe = Recipe("gan", batch_size=64, **limit)
    if refused is None:
        assert sum(flag.startswith("--max_") for flag in Budget.parse(budget).flags(recipe)) == 1
    else:
        with pytest.raises(UserError, match=f"the recipe of gan has {refused}, and the budget is the same for all"):
            Budget.parse(budget).flags(recipe)


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry.update(replicates=None),
        lambda entry: entry.update(replicates=[]),
        lambda entry: entry["scores"]["fd"].update(value="x"),
        lambda entry: entry["scores"]["fd"].update(low="x"),
        lambda entry: entry.update(floors={"x": {"fd": "a"}}),
        lambda entry: entry.update(status="foo"),
        lambda entry: entry.update(findings="abc"),
    ],
)
def test_a_damaged_outcome_is_one_sentence(world, tmp_path, change, capsys):
    board(tmp_path)
    path = tmp_path / "board" / "gan-0.json"
    record = json.loads(path.read_text())
    change(record["entry"])
    path.write_text(json.dumps(record))
    capsys.readouterr()
    assert board(tmp_path) == 2
    error = capsys.readouterr().err
    assert "gan-0.json is damaged" in error and "remove it to repeat its run" in error and "Traceback" not in error


def test_a_budget_of_images_needs_a_batch_size():
    with pytest.raises(UserError, match="needs recipes with a fixed batch_size, got auto"):
        Budget.parse("1e6images").flags(Recipe("gan", batch_size="auto"))


@pytest.mark.parametrize(
    "flag, sentence",
    [
        (
            "--budget=10x",
            "(60cpu), 2000steps, 1e6images, or a time such as 90s, 10m or 2h, got '10x'",
        ),
        ("--budget=1e400m", "--budget expects CPU seconds"),
        ("--budget=٣m", "--budget expects CPU seconds"),
        ("--budget=0s", "--budget expects CPU seconds"),
        ("--entries=dcgna", "there is no model, no config and no recipe file 'dcgna'; did you mean 'dcgan'"),
        ("--entries=none.py", "there is no config file none.py"),
        ("--entries=ae", "ae cannot draw samples"),
        ("--entries=gan:seed=3", "seed in 'gan:seed=3' is the same for all entries of a board; leave it out"),
        ("--entries=gan:steps=3", "steps in 'gan:steps=3' is the same"),
        ("--entries=gan:batch_size=x", "batch_size expects an integer of at least 1, or auto, got 'x'"),
        ("--entries=gan:mirror=maybe", "mirror expects true or false, got 'maybe'"),
        ("--entries=gan:loss", "there is no model, no config and no recipe file 'gan:loss'"),
        ("--seeds=0", "at least 1"),
        ("--workdir=/dev/null/a", "workdir: cannot use /dev/null/a"),
        ("--models=gan", "unknown flag --models"),
    ],
)
def test_mistakes_are_one_sentence(world, tmp_path, capsys, flag, sentence):
    assert board(tmp_path, flag) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1


# --- the table


def test_figures_of_different_protocols_make_no_table():
    outcomes = [Outcome("gan", 0, "done", 1, scores(1.0)), Outcome("vae", 0, "done", 1, scores(1.0, "validation"))]
    with pytest.raises(UserError, match="fd of gan-0 and fd of vae-0 .* real.split is test and validation"):
        summary(outcomes)


def test_a_model_whose_runs_all_diverged_comes_last():
    diverged = Outcome("gan", 0, "diverged", 0, {})
    rows = summary([diverged, Outcome("vae", 0, "done", 5, scores(1.0))])
    assert [(row["model"], row["diverged"], row["fd"]) for row in rows] == [("vae", 0, (1.0, None)), ("gan", 1, None)]
    assert dataclasses.asdict(diverged)["status"] == "diverged"


def test_a_share_does_not_leave_0_to_1():
    row = {"model": "a", "runs": 2, "diverged": 0, "steps": 1, "run_steps": [], "from_best": {}, "from_above": {}}
    row["findings"] = []
    head, _, line = markdown([row | dict.fromkeys(COLUMNS, (0.9, 0.3))], [], "c", "constant").splitlines()[:3]
    cells = dict(zip(head.split(" | "), line.split(" | ")))
    assert cells["fd"] == cells["density"] == "0.9 ± 0.3", "scores that can be larger than 1"
    assert cells["recall"] == "0.9 (0.6 to 1)"


def test_scores_that_only_some_models_have_are_columns_without_comparison():
    own = {"ssim": {**scores(0.5)["fd"], "protocol": {"pairs": 3}}, "fd_train": scores(9.0)["fd"]}
    runs = [Outcome("pairs", 0, "done", 1, scores(2.0) | own), Outcome("other", 0, "done", 1, scores(1.0))]
    rows = summary(runs)
    head, _, first, second = (line.split(" | ") for line in markdown(rows, runs, "c", "constant").splitlines()[:4])
    place = head.index("ssim |")
    assert head[-2] == "authenticity" and "fd_train" not in head
    assert (first[0], first[place], second[place]) == ("| other", "- |", "0.5 |")
    assert "ssim" not in rows[1]["from_best"]
    lines = csv.DictReader(as_csv(rows, ["ssim"]).splitlines())
    assert [line["ssim"] for line in lines] == ["", "0.5"]


@pytest.mark.parametrize(
    "pair, cell", [((999.7, 0.0), "1000 ± 0"), ((35.12, 171.6), "35.1 ± 172"), ((1234.5, None), "1234")]
)
def test_large_numbers_have_all_their_whole_digits(pair, cell):
    row = {"model": "a", "runs": 2, "diverged": 0, "steps": 1, "run_steps": [], "from_best": {}, "from_above": {}}
    row["findings"] = []
    head, _, line = markdown([row | dict.fromkeys(COLUMNS, pair)], [], "c", "constant").splitlines()[:3]
    assert dict(zip(head.split(" | "), line.split(" | ")))["fd"] == cell


def test_a_board_of_points_has_their_scores_alone():
    protocol = {"dataset": "ring", "fake": {"count": 2500}}
    points = {"modes": {"value": 8.0, "low": None, "high": None, "floor": 1000.0, "protocol": protocol}}
    runs = [Outcome("gan", seed, "done", 9, points) for seed in (0, 1)]
    lines = markdown(summary(runs), runs, "c", "as in each recipe").splitlines()
    assert lines[0] == "| model | runs | diverged | steps | modes |"
    assert lines[2:4] == ["| gan | 2 | 0 | 9, 9 | 8 ± 0 |", "| *real images* |  |  |  | *1000* |"]
    assert "Student's t; 2500 samples; learning rates as in each recipe." in "".join(lines)


@pytest.mark.parametrize(
    "names, sentence",
    [
        (["nll"], "Student's t; scores of held-out examples; learning rates"),
        (["nll", "modes"], "Student's t; 2500 samples; learning rates"),
        (["nll", "modes", "fd"], "Student's t; 9 samples against 9 images of the test split of set; features of means"),
    ],
)
def test_the_sentence_on_the_protocol_is_of_the_score_that_says_most(names, sentence):
    """A likelihood is of no samples, and a count of modes of no real images."""
    held_out = {"version": 1, "real": {"dataset": "ring", "split": "test", "count": 500}, "parameters": {}}
    known = {"nll": held_out, "modes": {"version": 1, "dataset": "ring", "fake": {"count": 2500}}}
    found = {name: {"value": 1.0, "floor": None, "protocol": protocol} for name, protocol in known.items()}
    runs = [Outcome("realnvp", 0, "done", 9, {name: (found | scores(2.0))[name] for name in names})]
    assert sentence in markdown(summary(runs), runs, "c", "constant")


def test_what_stands_in_a_translations_place_has_rows_of_its_own():
    pairs = {"psnr": {**scores(20.0)["fd"], "floor": 15.0, "protocol": {"parameters": {"floor": "bicubic"}}}}
    floors = {"bicubic": {"psnr": 15.0, "fd": 25.0}, "nearest": {"psnr": 14.0, "fd": 40.0}}
    runs = [Outcome("srgan", 0, "done", 9, scores(2.0) | pairs, floors=floors)]
    text = markdown(summary(runs), runs, "c", "as in each recipe").splitlines()[:6]
    head, *lines = ([cell.strip() for cell in line.split("|")[1:-1]] for line in text)
    column = [[line[head.index(name)] for line in lines[2:]] for name in ("model", "fd", "psnr")]
    assert column == [["*real images*", "*bicubic*", "*nearest*"], ["*0.5*", "*25*", "*40*"], ["", "*15*", "*14*"]]


def test_runs_that_are_not_done_are_named_and_an_entry_without_any_has_an_empty_row(world, tmp_path):
    world.values["gan-0"] = world.values["gan-1"] = "no memory"  # these two fail
    assert board(tmp_path) == 2
    text = (tmp_path / "board" / "leaderboard.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    assert rows[2] == ["gan", "0"] + [""] * (len(rows[0]) - 2)
    assert "Not yet run: gan (seeds 0, 1). The same command goes on." in text
    world.values |= {"gan-0": 3.0, "gan-1": 5.0}
    assert board(tmp_path) == 0
    assert "Not yet run" not in (tmp_path / "board" / "leaderboard.md").read_text()


def test_samples_that_cheat_are_named_below_the_table():
    copied = dataclasses.replace(outcome("best", 1, 1.0), findings=["5 of 9 samples are copies", "4 are repeated"])
    rows = summary([outcome("best", 0, 1.0), copied, outcome("honest", 0, 2.0)])
    text = markdown(rows, [copied], "c", "constant")
    said = (
        "repeat real images or each other:\n\n* best, seed 1: 5 of 9 samples are copies\n* best, seed 1: 4 are repeated"
    )
    assert said in text and "honest, seed" not in text
    head, best, honest = csv.reader(as_csv(rows).splitlines())
    told = [dict(zip(head, line, strict=True))["findings"] for line in (best, honest)]
    assert told == ["seed 1: 5 of 9 samples are copies; seed 1: 4 are repeated", ""]
    assert "Scores mean little" not in markdown(rows[1:], [copied], "c", "constant")


def test_the_interval_is_students():
    values = [1.0, 2.0, 4.0]
    mean, half = interval(values)
    assert mean == pytest.approx(7 / 3) and half == pytest.approx(4.302653 * np.std(values, ddof=1) / 3**0.5)
    assert interval([2.0]) == (2.0, None) and interval([]) is None


# --- differences


def outcome(model, seed, fd, replicates=(), recall=0.5):
    found = scores(fd)
    found["fd"] |= {"low": fd - 1.0, "high": fd + 1.0}
    found["recall"] |= {"value": recall}
    return Outcome(model, seed, "done", 9, found, {"fd": list(replicates)} if replicates else {})


SHARED = [3.0, -3.0, 2.0, -2.0]  # what the real images give to all runs, more than any of their differences


def test_single_runs_are_told_apart_by_what_the_real_images_do_not_share():
    rows = summary(
        [
            outcome("far", 0, 12.0, SHARED),
            outcome("near", 0, 10.2, [3.5, -3.5, 2.0, -2.0]),
            outcome("best", 0, 10.0, SHARED),
        ]
    )
    assert [row["model"] for row in rows] == ["best", "near", "far"] and rows[0]["from_best"] == {}
    near, far = rows[1]["from_best"]["fd"], rows[2]["from_best"]["fd"]
    # mean square of (0.5, -0.5, 0, 0): 1/8; Student's t of 4 degrees of freedom
    assert (near["value"], near["high"]) == pytest.approx((0.2, 0.2 + 2.77645 * 0.125**0.5), rel=1e-5)
    assert (near["within_error"], far["within_error"]) == (True, False)
    assert rows[2]["from_above"]["fd"]["value"] == pytest.approx(1.8) and near["interval"].startswith("paired")
    assert rows[1]["from_above"] == rows[1]["from_best"]


def test_several_seeds_are_told_apart_by_the_noise_of_trainings_and_of_real_images():
    of_two = [("a", 9.0), ("a", 11.0), ("b", 10.0), ("b", 12.0)]
    runs = [outcome(model, i % 2, fd, SHARED) for i, (model, fd) in enumerate(of_two)]
    told = summary(runs)[1]["from_best"]["fd"]
    # a variance of 2 each, so 2 of the difference of the means, with 2 degrees of freedom; the real images cancel
    assert (told["value"], told["low"]) == pytest.approx((1.0, 1.0 - 4.302653 * 2**0.5))
    assert told["within_error"] and told["interval"].startswith("over trainings (Student's t")
    other = [dataclasses.replace(one, replicates={}) for one in runs]
    alone = summary(other)[1]["from_best"]["fd"]
    assert alone["low"] == told["low"] and "replicates are missing" in alone["interval"]


def test_rows_within_the_error_are_marked_in_all_three_files(world, tmp_path):
    world.values |= {"vae-1": 1.1, "gan-0": 1.0, "gan-1": 1.2}
    board(tmp_path)
    text = (tmp_path / "board" / "leaderboard.md").read_text()
    cells = [cell.strip() for cell in text.splitlines()[3].split("|")]
    assert cells[1:8] == [
        "gan",
        "2",
        "0",
        "100, 100",
        "1.1 ± 1.3",
        "+0.05 (-0.64 to +0.74) ≈",
        "+0.05 (-0.64 to +0.74) ≈",
    ]
    assert "≈: a difference within the error, as its 95 % interval holds 0" in text and "over trainings alone" in text
    with open(tmp_path / "board" / "leaderboard.csv", newline="") as file:
        vae, gan = csv.DictReader(file)
    assert vae["fd_from_best"] == vae["fd_within_error_of_best"] == ""
    assert gan["fd_within_error_of_best"] == gan["fd_within_error_of_above"] == "true"
    # variances 0.005 and 0.02, so 0.0125 of the difference, with 0.0125^2 / (0.0025^2 + 0.01^2) degrees of freedom
    assert float(gan["fd_from_best_low"]) == pytest.approx(0.05 - student(25 / 17) * 0.0125**0.5)
    rows = json.loads((tmp_path / "board" / "leaderboard.json").read_text())["rows"]
    assert [row["from_best"].get("kid", {}).get("within_error") for row in rows] == [None, True]


def test_a_score_beside_the_first_rows_is_marked_too():
    runs = [outcome(model, seed, fd, recall=recall + seed / 100) for model, fd, recall in MODELS for seed in (0, 1)]
    text = markdown(summary(runs), runs, "c", "constant")
    head, _, *lines = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()[:5]]
    assert [line[head.index("recall")] for line in lines] == ["0.505 ± 0.064", "0.515 ± 0.064 ≈", "0.905 ± 0.064"]
    assert [line[head.index("from the best")] for line in lines] == [
        "",
        "+1.0000 (+1.0000 to +1.0000)",
        "+2.0000 (+2.0000 to +2.0000)",
    ]


MODELS = (("a", 1.0, 0.5), ("b", 2.0, 0.51), ("c", 3.0, 0.9))


def test_scores_that_no_run_has_are_no_columns():
    runs = [outcome(model, 0, 1.0) for model in "ab"]
    for one in runs:
        del one.scores["clipped_recall"]
    assert "clipped_recall" not in markdown(summary(runs), runs, "c", "constant")


def test_records_of_earlier_boards_are_read(world, tmp_path):
    board(tmp_path)
    count = len(world.calls)
    for path in (tmp_path / "board").glob("*-[01].json"):
        saved = json.loads(path.read_text())
        del saved["entry"]["replicates"]
        path.write_text(json.dumps(saved))
    assert board(tmp_path) == 0 and len(world.calls) == count


def test_a_record_and_its_samples_outlive_the_folder_of_the_run(world, tmp_path, monkeypatch, photos):
    drawn = []
    monkeypatch.setattr("tfgen.evaluation.board.shown", lambda run: drawn.append(run) or photos(3, (8, 8, 1)))
    board(tmp_path)
    folder, count = tmp_path / "board", len(world.calls)
    shutil.rmtree(folder / "gan-0")
    shutil.rmtree(folder / "vae-0")
    (folder / "leaderboard.png").unlink()
    assert board(tmp_path) == 0 and len(world.calls) == count and len(drawn) == 2
    with Image.open(folder / "leaderboard.png") as picture:
        assert picture.height == 2 * 2 * 12  # two rows, twice as large
    # a run that is trained anew has other samples
    (folder / "gan-0.json").unlink()
    board(tmp_path)
    assert len(drawn) == 3


def test_an_interrupted_board_has_the_picture_of_what_is_done(world, tmp_path, monkeypatch, photos):
    monkeypatch.setattr("tfgen.evaluation.board.shown", lambda run: photos(3, (8, 8, 1)))
    world.values["vae-0"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        Board("fashion_mnist_mini", "30s", entries=["gan", "vae"], seeds=1, workdir=str(tmp_path / "board")).run()
    with Image.open(tmp_path / "board" / "leaderboard.png") as picture:
        assert picture.height == 2 * 12


def test_the_picture_has_a_row_per_model(tmp_path):
    rows = {"one": Image.new("L", (42, 12)), "two": Image.new("RGB", (42, 12))}  # four of 8 x 8 with their margins
    write_picture(tmp_path / "p.png", rows, margin=50, scale=3)
    with Image.open(tmp_path / "p.png") as picture:
        assert picture.size == (50 + 3 * (4 * 10 + 2), 2 * 3 * 12)
