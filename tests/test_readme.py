"""Every sentence of README that promises something has a test here, named after it.

`@promise(sentence)` makes the function below it the test of that sentence; `held(sentence, "test_x.py::test_y", ...)`
is for a sentence that other tests hold, which have to exist. Comments in README's code are sentences, too. A sentence
that is neither here nor in `NO_PROMISE` fails `test_every_sentence_is_tested_or_is_no_promise`, and so does one that
README does not have.
"""

import ast
import functools
import inspect
import json
import pathlib
import re
import socket
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tfgen import metrics, models
from tfgen.data import dataset_names
from tfgen.extractors import load_extractor
from tfgen.runs.pretrained import pretrained_names

ROOT = pathlib.Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TESTED: dict[str, list[str]] = {}  # sentence -> names of its tests

# Sentences that promise nothing, and why.
NO_PROMISE = {
    "Where to go on": "links, which test_docs.py follows",
    "Apache-2.0.": "the licence, which test_packaging.py finds in the wheel",
    "| `dcgan` |": "measured, with its conditions in docs/results.md",
    "| `cgan` |": "measured, with its conditions in docs/results.md",
    "| `vae` |": "how the samples look",
}


def sentences(text):
    """The sentences of README: prose, rows of tables, and comments in code."""
    code = "\n".join(re.findall(r"```.*?```", text, flags=re.DOTALL))
    comments = [comment.strip() for comment in re.findall(r"\s\s# (.*)$", code, flags=re.MULTILINE)]
    text = re.sub(r"```.*?```|<!--.*?-->", "", text, flags=re.DOTALL)
    lines = [line for line in text.splitlines() if not line.startswith(("#", "!", "|---"))]
    rows = [line for line in lines if line.startswith("| `")][1:]  # without the head
    prose = "\n".join(line for line in lines if not line.startswith("|"))
    found = []
    for paragraph in re.split(r"\n\s*\n", prose):
        found += re.split(r"(?<=[.!?]) (?=[A-Z`])", " ".join(paragraph.split()))
    return [sentence for sentence in [*rows, *found, *comments] if sentence]


SENTENCES = sentences(README)


def named(sentence):
    """The name of the test of a sentence."""
    words = re.sub(r"\]\([^)]*\)", "", sentence.lower())
    return "test_" + re.sub(r"\W+", "_", words, flags=re.ASCII).strip("_")[:100].strip("_")


def promise(sentence):
    """Makes a function the test of a sentence of README."""

    def keep(function):
        function.__name__ = named(sentence)
        TESTED.setdefault(sentence, []).append(function.__name__)
        globals()[function.__name__] = function
        return function

    return keep


def held(sentence, *references):
    """Makes a test that the tests which hold a sentence, "test_file.py::test_name", are there and run."""

    @promise(sentence)
    def check():
        assert references
        for reference in references:
            file, name = reference.split("::")
            assert name in names_in(file), f"{reference} holds {sentence!r}, and is not there"


@functools.cache
def names_in(file):
    """The names of the tests of a file."""
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_readme_is_at_most_130_lines_long():
    assert len(README.splitlines()) <= 130


def test_every_sentence_is_tested_or_is_no_promise():
    begins = lambda sentence, known: sentence.startswith(known)  # noqa: E731
    unknown = [s for s in SENTENCES if s not in TESTED and not any(begins(s, known) for known in NO_PROMISE)]
    gone = [s for s in TESTED if s not in SENTENCES]
    gone += [known for known in NO_PROMISE if not any(begins(s, known) for s in SENTENCES)]
    assert unknown == [] and gone == []
    assert all(name in globals() for names in TESTED.values() for name in names)
    assert len({name for names in TESTED.values() for name in names}) == sum(map(len, TESTED.values()))


def test_sentences_are_told_apart():
    text = "# Head\n\nOne: two. `Three` of\nfour!\n\n```\ncode --x   # five\n```\n\n| `h` |\n|---|\n| `row` |\n"
    assert sentences(text) == ["| `row` |", "One: two.", "`Three` of four!", "five"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two steps of cgan on the embedded images."""
    recipe = tfgen.load_recipe("cgan").replace(steps=2, batch_size=16, options={"width": 4, "latent_dim": 8})
    return tfgen.train(recipe, tmp_path_factory.mktemp("readme") / "cgan")


@pytest.fixture(scope="module")
def train():
    """What README calls `train`."""
    return tfgen.load_dataset("fashion_mnist_mini").to_numpy("train")


# The first screen.

held(
    "Deep generative models in Keras 3: one command trains a named model on real images, resumes to the "
    "same bits, and writes files that TensorFlow Serving and plain Keras can load.",
    "test_resume.py::test_a_killed_run_goes_on_to_the_same_bits",
    "test_export.py::test_without_keras_and_tfgen_every_signature_gives_what_the_model_gives",
    "test_export.py::test_networks_load_in_keras_alone_under_every_backend",
)


@promise(
    "The second line needs no data and no network connection: about 10,000 Fashion-MNIST images come with the package."
)
def _(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    splits = tfgen.load_dataset(tfgen.load_recipe("dcgan").dataset).splits
    assert len(splits["train"]) + len(splits["validation"]) == 10_000


@promise("On two CPU cores it takes two to four minutes, and writes")
def _(run):
    (tree,) = re.findall(r"```text\n(runs/.*?)```", README, flags=re.DOTALL)
    promised = set(re.findall(r"[\w.]+\.(?:keras|csv|json|png)|\w+/", tree)) - {"runs/"}
    promised -= {"fashion_mnist_mini/"}
    found = {path.name + "/" * path.is_dir() for path in run.folder.rglob("*")}
    assert promised - found == set() and {"recipe.json", "generator.keras", "samples/"} <= promised
    served = tf.saved_model.load(str(run.paths.savedmodel)).signatures
    (signatures,) = re.findall(r"SavedModel: (.*)", tree)
    assert set(signatures.split(", ")) <= set(served)


# The rows of models that share a page: the harness over every model builds, trains, saves, exports and resumes them.
HARNESS = (
    "test_models.py::test_it_keeps",
    "test_models.py::test_it_can_do_what_its_endpoints_say",
)
for row in [row for row in SENTENCES if row.startswith("| `") and "](docs/" in row]:
    held(row, *HARNESS)


def test_every_model_is_in_the_table():
    rows = [row.split("|")[1] for row in SENTENCES if row.startswith("| `")]
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(models.MODELS._builtins)


@promise(
    "| `ae` | plain autoencoder | reconstructions; samples by a prior that is fitted to its codes: `--prior=gmm:10` |"
)
def _(photos):
    model, images = tfgen.build_model("ae", image_shape=(16, 16, 1), width=4, latent_dim=2), photos(40, (16, 16, 1))
    assert model.reconstruct(images[:2]).shape == (2, 16, 16, 1)
    with pytest.raises(tfgen.UserError, match="cannot generate by itself"):
        model.sample(1)
    prior = tfgen.latent.fit_prior(model, images, "gmm:10")
    assert model.sample(3, sampler=tfgen.samplers.latent(prior)).shape == (3, 16, 16, 1)


@promise(
    "Measured by `python -m tfgen.evaluate --dataset=fashion_mnist`, whose classifier of real garments comes with the "
    "package; recall and precision with k = 3, 10,000 samples (`cgan`: 5,000) against the 10,000 test images."
)
def _():
    described = load_extractor("fashion_mnist").describe()
    assert described["dataset"] == "fashion_mnist" and described["classes"] == 10 and not described["is_fid"]
    assert inspect.signature(metrics.precision_recall).parameters["k"].default == 3


held(
    "Trained runs come with the package: `--run=pretrained:dcgan`, `pretrained:vae`, `pretrained:latent_flow`.",
    "test_pretrained.py::test_samples_are_those_of_the_machine_that_made_it",
    "test_pretrained.py::test_the_installed_package_has_them_in_a_new_process",
)


def test_every_run_of_the_package_is_named():
    assert set(re.findall(r"pretrained:(\w+)", README)) == set(pretrained_names())


# From Python.


@promise("uint8 [9500, 28, 28, 1], int64 [9500]")
def _(train):
    assert train["image"].shape == (9500, 28, 28, 1) and train["image"].dtype == np.uint8
    assert train["label"].shape == (9500,) and train["label"].dtype == np.int64


@promise("or folder:PATH, npz:PATH, tfds:NAME")
def _():
    assert {"folder:PATH", "npz:PATH", "tfds:NAME"} <= set(dataset_names())


@promise("so that classes have names")
def _(run):
    model = tfgen.build_model("cgan", image_shape=(16, 16, 1), num_classes=10, width=4)
    with pytest.raises(tfgen.UserError, match="no names of classes are known"):
        model.sample(1, label="sandal")
    model.class_names = tfgen.load_dataset("fashion_mnist_mini").class_names
    np.testing.assert_array_equal(model.sample(1, label="sandal"), model.sample(1, label=5))
    assert run.model.class_names == model.class_names


@promise("compiled, with the settings of --model=cgan")
def _():
    recipe = tfgen.load_recipe("cgan")
    built = tfgen.build_model("cgan", image_shape=(28, 28, 1), num_classes=10)
    trained = tfgen.build_model("cgan", image_shape=(28, 28, 1), num_classes=10, **recipe.options)
    assert built.compiled and built.latent_dim == trained.latent_dim
    counts = [{name: net.count_params() for name, net in model.networks.items()} for model in (built, trained)]
    assert counts[0] == counts[1]
    rates = [{n: o.get_config()["learning_rate"] for n, o in m.optimizers.items()} for m in (built, trained)]
    assert rates[0] == rates[1]


held(
    "images: uint8, or float in [0, 1]",
    "test_fit.py::test_images_as_floats_train_to_the_same_bits_as_bytes",
    "test_fit.py::test_wrong_images_are_refused_in_one_sentence",
)


@promise("uint8 [16, 28, 28, 1]")
def _(run):
    sandals = run.model.sample(16, label=5, seed=0)
    assert sandals.shape == (16, 28, 28, 1) and sandals.dtype == np.uint8
    np.testing.assert_array_equal(run.model.sample(16, label="sandal", seed=0), sandals)


@promise("with both optimizers")
def _(run, tmp_path):
    run.model.save(tmp_path / "trainer.keras")
    loaded = keras.saving.load_model(tmp_path / "trainer.keras")
    assert {name: int(o.iterations) for name, o in loaded.optimizers.items()} == {"generator": 2, "discriminator": 2}


held(
    "and fit goes on",
    "test_saving.py::test_a_model_comes_back_whole_from_its_file",
    "test_models.py::test_it_keeps",
)


@promise("Networks, losses and optimizers of your own use the same training step and the `fit` of Keras:")
def _(train):
    nets = tfgen.networks.dcgan_generator((28, 28, 1), 8, 4), tfgen.networks.dcgan_discriminator((28, 28, 1), 4)
    model = tfgen.AdversarialModel(*nets, latent_dim=8, loss=tfgen.losses.hinge, discriminator_steps=2)
    model.compile(keras.optimizers.Adam(1e-4), keras.optimizers.Adam(4e-4))
    assert type(model).train_step is tfgen.GenerativeModel.train_step and isinstance(model, keras.Model)
    seen = []
    model.fit(
        train["image"][:64],
        batch_size=8,
        epochs=2,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))],
    )
    assert seen == [0, 1] and int(model.step) == 8  # 64 images in steps of 2 x 8


# From the command line: the commands themselves run in test_docs.py.


@promise("into runs/cgan-fashion_mnist_mini")
def _():
    from tfgen.runs.naming import default_workdir

    assert default_workdir(tfgen.load_recipe("cgan")) == pathlib.Path("runs/cgan-fashion_mnist_mini")


@promise("names, defaults and types of its options")
def _(capsys):
    from tfgen.run import list_options

    list_options(tfgen.load_recipe("cgan"))
    printed = capsys.readouterr().out
    for name, default in tfgen.load_recipe("cgan").options.items():
        (line,) = [line for line in printed.splitlines() if line.split()[:1] == [name]]
        if isinstance(default, (int, str)):
            assert str(default).lower() in line.lower(), line
    assert "integer" in printed


@promise("changed options: a folder of its own")
def _():
    from tfgen.runs.naming import default_workdir

    recipe = tfgen.load_recipe("dcgan")
    longer, changed = recipe.replace(epochs=99), recipe.replace(options={"loss": "hinge"})
    assert default_workdir(longer) == default_workdir(recipe) != default_workdir(changed)


held(
    "any folder of pictures",
    "test_data_folder.py::test_subfolders_are_the_classes",
    "test_data_folder.py::test_no_choice_of_classes_means_no_labels",
    "test_data_folder.py::test_formats",
)
held(
    "and walk, traverse, arithmetic, project, ...",
    "test_latent_actions.py::test_every_action_writes_a_picture_and_its_numbers",
)
held("a run of the package", "test_pretrained.py::test_every_command_takes_it_and_writes_elsewhere")
held("processes, restarted when one dies", "test_launch.py::test_a_worker_that_dies_is_restarted_with_all_others")
held(
    "The same command resumes a run after Ctrl-C, after a kill at any moment, or with more `--epochs`.",
    "test_resume.py::test_ctrl_c_saves_and_says_how_to_go_on",
    "test_resume.py::test_a_killed_run_goes_on_to_the_same_bits",
    "test_resume.py::test_a_run_killed_several_times_goes_on_to_the_same_bits",
    "test_resume.py::test_a_run_that_is_lengthened_has_the_history_of_a_long_one",
)
held(
    "The result has the same bits as that of an uninterrupted run, on the same machine and with the same "
    "number of threads.",
    "test_resume.py::test_a_killed_run_goes_on_to_the_same_bits",
    "test_models.py::test_it_keeps",
)


@promise(
    "Only under a schedule over all steps, which some recipes of autoencoders and likelihoods have, a run with more "
    "`--epochs` does not end as one that was never stopped, and it says so."
)
def _():
    from tfgen.optimizers.schedules import spans_all_steps
    from tfgen.recipes.recipe import recipe_names

    spanning = {name for name in recipe_names() if spans_all_steps(tfgen.load_recipe(name).schedule)}
    games = {
        path.stem for family in ("adversarial", "translation") for path in (ROOT / "configs" / family).glob("*.py")
    }
    assert {"ae", "vae", "vae_binarized_mnist"} <= spanning and not spanning & games
    assert names_in("test_recipe_bits.py")


@promise(
    "A recipe is a Python file with `def recipe(): return tfgen.Recipe(...)`; `configs/` holds one per "
    "model, sized for a CPU, and one with the settings of its paper (`--config=gan_paper`)."
)
def _(tmp_path):
    path = tmp_path / "my_recipe.py"
    path.write_text("import tfgen\n\n\ndef recipe():\n    return tfgen.Recipe(model='gan', steps=3)\n")
    assert tfgen.load_recipe(path).steps == 3
    for name in ("ae", "vae", "gan", "dcgan", "cgan"):
        assert tfgen.load_recipe(name).model == tfgen.load_recipe(f"{name}_paper").model == name


@promise(
    "`models/generator.keras`, `encoder.keras` and `decoder.keras` contain built-in layers only: "
    "`keras.saving.load_model` reads them without tfgen, under the TensorFlow, JAX and PyTorch backends."
)
def _(run):
    assert "test_networks_load_in_keras_alone_under_every_backend" in names_in("test_export.py")
    models = [run.model, tfgen.build_model("vae", image_shape=(16, 16, 1))]
    networks = {name: net for model in models for name, net in model.exported_networks().items()}
    assert {"generator", "encoder", "decoder"} <= networks.keys()
    for network in networks.values():
        assert {type(layer).__module__.split(".")[0] for layer in network.layers} == {"keras"}


held(
    "TensorFlow Serving reads `export/1`.",
    "test_export.py::test_signatures_are_those_of_the_contract",
    "test_export.py::test_without_keras_and_tfgen_every_signature_gives_what_the_model_gives",
    "test_docs.py::test_the_client_of_tensorflow_serving",
)
held(
    "The batch size is the global one, and the number of replicas does not change the result: order of "
    "data, noise, batch statistics, averages and metrics are those of one process (except for dropout).",
    "test_distribution.py::test_two_devices_train_as_one_does",
    "test_distribution.py::test_two_workers_train_as_one_process_does",
    "test_distribution.py::test_each_replica_gets_its_rows_of_each_part",
)
held(
    "A run can be resumed with another number of workers: [SLURM, Kubernetes, lost workers](docs/distributed.md).",
    "test_launch.py::test_sigterm_stops_all_workers_after_the_same_step_and_the_run_goes_on_alone",
    "test_distribution.py::test_recipes_of_other_replicas_are_the_same_recipe",
    "test_distribution.py::test_slurm_names_the_workers",
    "test_distribution.py::test_kubernetes_names_the_workers",
)
held(
    "Samples in shards are resumable and take constant memory: [sampling](docs/sampling.md).",
    "test_shards.py::test_a_second_run_makes_what_is_missing_and_nothing_else",
    "test_shards.py::test_what_a_worker_that_died_has_left_is_made_here",
    "test_shards.py::test_array_records_hold_the_images_in_order_whoever_makes_them",
)

held(
    "`--init_from=RUN` starts a new run from the weights of another one: [going on](docs/going_on.md).",
    "test_going_on.py::test_the_program_of_the_page_runs",
    "test_start.py::test_a_run_starts_from_the_weights_of_another_and_says_so",
)
held(
    "`--logger=tensorboard,mlflow` hands what is measured to loggers; one that fails does not stop a run.",
    "test_loggers.py::test_wandb_gets_the_recipe_the_history_and_pictures",
    "test_loggers.py::test_a_logger_that_fails_is_said_once_and_the_bits_stay",
)

# Evaluate.


@pytest.fixture(scope="module")
def scores(run):
    """evaluation.json of the run."""
    from tfgen.evaluation import Settings
    from tfgen.evaluation.subjects import evaluate_run

    evaluate_run(run.folder, Settings(num=40))
    return json.loads(run.paths.evaluation.read_text())


@promise("evaluation.json, nearest.png")
def _(run, scores):
    assert run.paths.evaluation.is_file() and run.paths.nearest.is_file()


@promise("one HTML file")
def _(run, tmp_path):
    from tfgen.report import write_report

    page = write_report([run.folder], tmp_path / "report.html").read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [tmp_path / "report.html"]
    assert page.startswith("<!") and not re.findall(r"""(?:src|href)=["'](?!data:|#|https?://)[^"']+""", page)


@promise(
    "Every score has a protocol (data, split, counts, extractor with the hash of its weights), a floor (that of real "
    "images at the same N), and an interval, or says why not: [what intervals are of](docs/intervals.md)."
)
def _(scores):
    fd = scores["metrics"]["fd"]
    assert set(fd) == {"value", "low", "high", "floor", "protocol"} and fd["low"] < fd["high"] and fd["floor"] > 0
    told = json.dumps(fd["protocol"])
    for part in ("fashion_mnist_mini", '"test"', load_extractor("fashion_mnist").sha256, "40"):
        assert part in told, part
    for name, score in scores["metrics"].items():
        assert set(score) == set(fd) and score["protocol"], name
        said = score["protocol"].get("interval") or score["protocol"]["parameters"]["interval"]
        assert (score["low"] is None) == said.startswith("none: "), name


held(
    "`findings` names samples that cheat: copies of training images, blends, repetitions, a leaked test split.",
    "test_cheating.py::test_copies_are_counted_and_their_rows_are_named",
    "test_cheating.py::test_near_copies_are_found",
    "test_cheating.py::test_blends_are_found_and_their_images_named",
    "test_cheating.py::test_few_images_repeated_are_counted",
    "test_cheating.py::test_a_leaked_split_is_named",
)


@promise("Known faults are scored as controls: noise, blur, a missing class, copies.")
def _(scores):
    told = json.dumps(list(scores["controls"]))
    assert all(word in told for word in ("noise", "blur", "class", "cop")), told
    assert "test_copies_are_no_authentic_samples_and_lost_classes_show" in names_in("test_evaluation.py")
    (copies,) = [values for name, values in scores["controls"].items() if "cop" in name]
    assert copies["authenticity"] == 0 and copies["fd"] < scores["metrics"]["fd"]["value"]


@promise(
    "Scores with different protocols cannot be compared (an error), and only features of the 2015 "
    "Inception graph (`--extractor=fid:PATH`) give an FID; other extractors give an `fd`."
)
def _(scores):
    from tfgen.evaluation import Score, check_comparable

    with pytest.raises(tfgen.UserError, match="different protocols and cannot be compared"):
        check_comparable([Score(1.0, protocol={"split": "test"}), Score(1.0, protocol={"split": "validation"})])
    assert "fd" in scores["metrics"] and "fid" not in scores["metrics"]


held(
    "`tfgen.report RUN_A RUN_B` says which differences are within the error.",
    "test_differences.py::test_a_paired_interval_covers_and_is_narrower",
    "test_report.py::test_two_runs_differ_by_a_paired_interval",
)
held(
    "During training, a diagnosis describes faults in words: a discriminator that has won or is blind, a collapsed "
    "generator, unused latents, ignored conditions.",
    "test_diagnosis.py::test_an_unequal_game_is_named",
    "test_diagnosis.py::test_a_blind_discriminator_is_named",
    "test_diagnosis.py::test_a_collapsed_generator_is_named",
    "test_diagnosis.py::test_a_large_beta_collapses_the_posterior",
    "test_diagnosis_conditions.py::test_a_generator_that_does_not_use_its_label_is_named",
)
held(
    "`--stop=equilibrium,kid,divergence` ends a run accordingly; `kid` keeps the best weights.",
    "test_diagnosis.py::test_training_ends_at_the_equilibrium_and_not_where_the_discriminator_is_blind",
    "test_diagnosis.py::test_divergence_ends_training_at_the_step_it_shows",
    "test_best.py::test_training_ends_where_the_score_is_no_better_and_falls_no_more",
    "test_best.py::test_a_run_leaves_the_weights_of_its_best_score_and_goes_on_from_its_last",
)

# Data.


@promise(
    "`fashion_mnist_mini` and `emoji` (embedded), `fashion_mnist`, `mnist`, `binarized_mnist`, `stacked_mnist`, "
    "`cifar10`, `celeb_a`, `shapes` (drawings), `ring` and `grid` (points in the plane), `tfds:NAME`, `folder:PATH` "
    "(names of subfolders become class labels), `npz:PATH` (`x_train`, `y_train`, `x_test`, ..., and further fields as "
    "`NAME_train`) and `idx:PATH`."
)
def _(tmp_path, photos):
    (sentence,) = [s for s in SENTENCES if s.startswith("`fashion_mnist_mini`")]
    names = set(re.findall(r"`([\w:]+)`", sentence)) - {"x_train", "y_train", "x_test", "NAME_train"}
    assert sorted(names) == sorted(name for name in dataset_names() if "(" not in name)
    images, labels = photos(8, (16, 16, 1)), np.arange(8) % 2
    np.savez(tmp_path / "my.npz", x_train=images, y_train=labels, x_test=images, y_test=labels,
             pose_train=np.zeros((8, 3), np.float32), pose_test=np.zeros((8, 3), np.float32))  # fmt: skip
    source = tfgen.load_dataset(f"npz:{tmp_path / 'my.npz'}")
    assert source.fields["pose"].kind == "vector" and source.num_classes == 2 and len(source.splits["test"]) == 8


held(
    "Views of them make pairs and domains: `edges(mnist)`, `gray(NAME)`, `small(NAME, 4)`.",
    "test_views.py::test_pairs_have_a_source_and_the_image_as_it_is",
    "test_views.py::test_domains_take_classes_by_name_with_blanks_and_commas",
)


@promise("Files are searched in `--data_dir`, then in Debian's `dataset-fashion-mnist`, then in TensorFlow Datasets.")
def _(tmp_path, monkeypatch):
    from tfgen.data import idx, tfds

    own, debian, searched = tmp_path / "own", tmp_path / "debian", []
    monkeypatch.setattr(idx, "DEBIAN", debian)
    monkeypatch.setattr(idx, "_known", lambda name, folder: tfgen.load_dataset("fashion_mnist_mini"))
    monkeypatch.setattr(tfds, "load", lambda name, data_dir: searched.append("tfds") or tfgen.load_dataset("ring"))
    monkeypatch.setattr(idx, "_find", lambda folder: searched.append(folder.name) or {})
    for folder in (own, debian):
        folder.mkdir()
    tfgen.load_dataset("fashion_mnist", data_dir=own)
    assert searched == ["own", "debian", "tfds"]


@promise("Images have 8 to 512 pixels per side, gray or colour.")
def _():
    low, high = 8, 512
    for name, shape in (
        ("gan", (low, low, 3)),
        ("dcgan", (low, 24, 1)),
        ("gan", (high, low, 1)),
        ("dcgan", (24, 40, 3)),
    ):
        options = {"units": "8", "maxout_units": "4"} if name == "gan" else {"width": 2, "hidden_units": None}
        model = tfgen.build_model(name, image_shape=shape, **options)
        assert model.sample(1).shape == (1, *shape)
    for side in (low - 1, high + 1):
        with pytest.raises(tfgen.UserError, match=f"{low} to {high} pixels"):
            tfgen.build_model("gan", image_shape=(side, low, 1))


# Extend.


@promise(
    '`--plugin=my_module` imports a file with models (`@tfgen.register_model("my_gan")`) or data sets '
    '(`@tfgen.register_dataset("my_set")`): [your own model, loss and network](docs/your_own_model.md).'
)
def _():
    assert "test_a_plugin_in_the_working_directory_registers_its_model" in names_in("test_cli.py")
    assert "test_the_models_and_data_of_the_examples_are_plugins" in names_in("test_docs.py")
    assert callable(tfgen.register_model("x")) and callable(tfgen.register_dataset("x"))
    page = (ROOT / "docs" / "your_own_model.md").read_text(encoding="utf-8")
    commands = re.findall(r"-m tfgen\.(\w+) --plugin=my_gan", page)
    assert {"run", "check", "sample", "evaluate", "report", "leaderboard"} <= set(commands)


held(
    "Saving, resuming, exporting and replicas need no further code.",
    "test_plugin_models.py::test_it_trains_and_goes_on_from_a_checkpoint_and_its_file_to_the_bit",
    "test_plugin_models.py::test_its_signatures_give_what_the_model_gives",
    "test_plugin_models.py::test_two_replicas_train_the_weights_of_one",
)


held(
    "`python -m tfgen.check --model=NAME` says which guarantees hold.",
    "test_check.py::test_the_command_says_each_by_name_and_ends_with_1_for_a_failure",
)


held(
    "Packages add all that, extractors and loggers by entry points `tfgen.models`,"
    " `tfgen.datasets`, `tfgen.extractors` and `tfgen.loggers`.",
    "test_plugins.py::test_a_plugin_is_built_by_name",
    "test_plugins.py::test_listing_imports_no_plugin",
    "test_extractors.py::test_an_extractor_of_ones_own",
    "test_loggers.py::test_a_logger_of_ones_own",
)

# Develop.


@promise("the fast tests, under 12 minutes on two cores")
def _():
    project = (ROOT / "pyproject.toml").read_text()
    assert "-n 2" in project and "not slow and not network" in project


@promise("the code of this page, of docs/ and of examples/")
def _():
    names = {"test_the_code_of_readme_runs_from_top_to_bottom", "test_the_code_of_a_page_runs_and_makes_its_pictures"}
    assert {*names, "test_an_example_runs_and_shows_something"} <= names_in("test_docs.py")


@promise("`.ci/run` runs all but the long tests (`pytest -m slow`): [CONTRIBUTING.md](CONTRIBUTING.md).")
def _():
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    begins = (
        "python3 -m venv",
        "pytest -q",
        "pytest -q -m plugins",
        "pytest -q -m docs",
        "ruff check",
        "lint-imports",
        "mypy",
    )
    assert [start for start in begins if not any(line.startswith(start) for line in lines)] == []


@promise("Python 3.11 to 3.13, TensorFlow 2.21, Keras 3.15.")
def _():
    setup = (ROOT / "setup.py").read_text()
    assert 'python_requires=">=3.11"' in setup and '"tensorflow>=2.21"' in setup and '"keras>=3.15"' in setup
    assert (3, 11) <= sys.version_info[:2] and keras.__version__ >= "3.15" and tf.__version__ >= "2.21"
