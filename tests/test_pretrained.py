"""Models that come with the package: `pretrained:NAME`."""

import io
import json
import pathlib
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import tfgen
from benchmarks.pretrained import compact_weights
from tfgen import encode, evaluate, run, sample
from tfgen.errors import UserError
from tfgen.latent.__main__ import COMMAND as latent
from tfgen.report.__main__ import COMMAND as report
from tfgen.runs import pretrained
from tfgen.runs.pretrained import HERE, pretrained_names

NAMES = pretrained_names()
# every model is opened and sampled; what takes long runs with other tests that do
OTHERS = [pytest.param(name, marks=pytest.mark.plugins) if name == "latent_flow" else name for name in NAMES]
COMMANDED = [pytest.param(name, marks=() if name == "dcgan" else pytest.mark.slow) for name in NAMES]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def files():
    return {path: path.read_bytes() for path in HERE.rglob("*") if path.is_file()}


def test_all_of_them_together_take_4_mib():
    assert sum(map(len, files().values())) <= 4 * 2**20


@pytest.mark.parametrize("name", OTHERS)
def test_samples_are_those_of_the_machine_that_made_it(name):
    found = tfgen.load_run(f"pretrained:{name}")
    with np.load(HERE / name / "samples.npz") as stored:
        expected = stored["images"].astype(int)
    made = found.model.sample(len(expected), seed=0).astype(int)
    # rounding differs between processors; a flow amplifies it
    assert np.abs(made - expected).max() <= 2 and np.abs(made - expected).mean() < 0.05
    assert expected.std() > 50  # garments, not gray
    assert found.record["weights"]["largest_difference"] <= 10  # of a flow; of one pass at most 1
    assert repr(found).startswith(f"Run('pretrained:{name}'")


@pytest.mark.plugins
def test_flags_of_sampling_are_those_of_the_sampler(tmp_path):
    flags = ["--sampler=heun", "--sampling_steps=2", "--guidance=1.5", "--temperature=1.4", "--label=bag", "--num=3"]
    assert sample.COMMAND(["--run=pretrained:latent_flow", *flags, f"--out={tmp_path / 's.npz'}"]) == 0
    with np.load(tmp_path / "s.npz") as stored:
        made = stored["images"]
    sampler = tfgen.samplers.heun(2, guidance=1.5, temperature=1.4)
    model = tfgen.load_run("pretrained:latent_flow").model
    assert np.array_equal(made, model.sample(3, label="bag", sampler=sampler))


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDED)
def test_every_command_takes_it_and_writes_elsewhere(name, tmp_path, capsys):
    before, given, place = files(), f"--run=pretrained:{name}", pathlib.Path("runs") / f"pretrained-{name}"
    assert sample.COMMAND([given, "--num=4"]) == 0
    assert evaluate.COMMAND([given, "--num=60", "--metrics=fd", "--nocontrols", "--nll_images=4"]) == 0
    assert report([given]) == 0
    assert {path.name for path in place.iterdir()} >= {"samples", "evaluation.json", "report.html"}
    said = json.loads((place / "evaluation.json").read_text())
    assert said["subject"]["run"] == f"pretrained:{name}" and "fd" in said["metrics"]
    abilities = tfgen.load_run(f"pretrained:{name}").model.endpoints()
    codes = encode.COMMAND([given, "--num=6", "--nll_k=2"])
    assert codes == (0 if "encode" in abilities else 2)
    if "interpolate" in abilities:
        assert latent(["interpolate", given]) == 0
        assert (place / "latent").is_dir()
    assert files() == before  # the package is only read


@pytest.mark.parametrize("name", COMMANDED)
def test_a_training_begins_from_its_weights(name, capsys):
    recipe = tfgen.load_run(f"pretrained:{name}").recipe
    start = [f"--model={recipe.model}", f"--set=width={recipe.options['width']}", f"--init_from=pretrained:{name}"]
    assert run.COMMAND([*start, "--steps=1", "--dry_run", "--workdir=on"]) == 0
    assert f"starts from the weights of pretrained:{name}" in capsys.readouterr().out


def test_a_report_of_it_has_its_evaluation_until_there_is_another(tmp_path):
    name = NAMES[0]
    paths = tfgen.load_run(f"pretrained:{name}").paths
    assert paths.evaluated == HERE / name / "evaluation.json"
    paths.evaluation.parent.mkdir(parents=True)
    paths.evaluation.write_text("{}")
    assert paths.evaluated == paths.evaluation != HERE / name / "evaluation.json"


def test_a_comparison_lies_beside_what_was_made_of_the_first(tmp_path):
    shutil.copytree(HERE / NAMES[0], "runs/own")
    assert report([f"pretrained:{NAMES[0]}", "runs/own", "--nopictures"]) == 0
    assert pathlib.Path("runs/comparison.html").is_file()


def test_data_are_embedded_by_default(tmp_path):
    found = tfgen.load_run(f"pretrained:{NAMES[0]}")
    assert found.source().name == "fashion_mnist_mini" and found.recipe.dataset == "fashion_mnist"


@pytest.mark.parametrize(
    "text,sentence",
    [
        ("pretrained:dcgen", "pretrained:NAME is one of .*dcgan.*, got 'dcgen'; did you mean 'dcgan'?"),
        ("pretrained:", "pretrained:NAME is one of .*, got ''"),
        ("pretrained:../extractors", "is one of"),
        ("pretrained:/etc", "is one of"),
    ],
)
def test_other_names_are_one_sentence(text, sentence, capsys):
    with pytest.raises(UserError, match=sentence):
        tfgen.load_run(text)
    assert sample.COMMAND([f"--run={text}"]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("tfgen sample: pretrained:NAME is one of")


def test_a_folder_of_that_name_is_meant_by_its_path():
    shutil.copytree(HERE / NAMES[0], f"pretrained:{NAMES[0]}")
    assert tfgen.load_run(f"./pretrained:{NAMES[0]}").folder == pathlib.Path(f"pretrained:{NAMES[0]}")


def test_files_that_have_changed_are_refused(tmp_path, monkeypatch):
    shutil.copytree(HERE, tmp_path / "copy")
    monkeypatch.setattr(pretrained, "HERE", tmp_path / "copy")
    tfgen.load_run(f"pretrained:{NAMES[0]}")
    changed = tmp_path / "copy" / NAMES[0] / "models" / "trainer.keras"
    content = bytearray(changed.read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)
    with pytest.raises(UserError, match="trainer.keras is damaged or another file.*install tfgen again"):
        tfgen.load_run(f"pretrained:{NAMES[0]}")
    changed.unlink()
    with pytest.raises(UserError, match="trainer.keras"):
        tfgen.load_run(f"pretrained:{NAMES[0]}")


def test_nothing_is_trained_into_it(capsys):
    assert run.COMMAND([f"--model={NAMES[0]}", f"--workdir=pretrained:{NAMES[0]}", "--dry_run"]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert f"--init_from=pretrained:{NAMES[0]}" in said and not list(pathlib.Path().iterdir())


def test_compact_weights_hold_equal_arrays_once():
    out, kernel = io.BytesIO(), np.random.default_rng(0).normal(size=(256, 256)).astype(np.float32)
    with h5py.File(out, "w") as file:
        file["network/vars/0"], file["average/vars/0"] = kernel, kernel
        file["network/vars/1"], file["vars/0"] = np.zeros(64, np.float32), np.int64(7)
        file["network"].attrs["name"] = "n"
    found = compact_weights(out.getvalue())
    assert len(found) < 2.2 * kernel.size + 20_000 < len(out.getvalue())
    with h5py.File(io.BytesIO(found)) as file:
        assert file["network/vars/0"] == file["average/vars/0"]  # one object
        np.testing.assert_array_equal(file["network/vars/0"], kernel.astype(np.float16))
        assert file["vars/0"][()] == 7 and file["vars/0"].dtype == np.int64 and file["network"].attrs["name"] == "n"
    with h5py.File(out, "a") as file:
        file["network/vars/1"][0] = 1e6
    with pytest.raises(UserError, match="network/vars/1 holds numbers that float16 has not"):
        compact_weights(out.getvalue())


@pytest.mark.plugins
def test_the_installed_package_has_them_in_a_new_process(tmp_path):
    code = f"import tfgen; print(*[tfgen.load_run(f'pretrained:{{n}}').model.sample(1).shape for n in {NAMES}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("(1, 28, 28, 1)") == len(NAMES)


@pytest.mark.slow
def test_pictures_of_ones_own_are_encoded(tmp_path, capsys):
    encoders = [name for name in NAMES if "encode" in tfgen.load_run(f"pretrained:{name}").model.endpoints()]
    Image.new("L", (28, 28), 100).save(tmp_path / "gray.png")
    for name in encoders:
        assert encode.COMMAND([f"--run=pretrained:{name}", f"--images={tmp_path / 'gray.png'}"]) == 0
        assert capsys.readouterr().out.split() == [f"runs/pretrained-{name}/encoded.npz"]


def test_hashes_that_are_missing_are_said_to_be(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pretrained, "HERE", tmp_path)
    assert sample.COMMAND(["--run=pretrained:dcgan"]) == 2
    error = capsys.readouterr().err
    assert error == f"tfgen sample: {tmp_path / 'hashes.json'} is missing; install tfgen again\n"


@pytest.mark.parametrize("text", ["[]", '{"dcgan": "abc"}', "3"])
def test_hashes_of_another_kind_are_one_sentence(text, tmp_path, monkeypatch, capsys):
    (tmp_path / "hashes.json").write_text(text)
    monkeypatch.setattr(pretrained, "HERE", tmp_path)
    assert sample.COMMAND(["--run=pretrained:dcgan", "--num=1"]) == 2
    error = capsys.readouterr().err
    assert "does not hold the hashes of models' files; install tfgen again" in error and error.count("\n") == 1
