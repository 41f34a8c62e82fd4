"""What is installed: packages, configs, data; public names; the guard against a foreign `registry`."""

import pathlib
import re
import subprocess
import sys
import zipfile

import pytest

import tfgen

ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The files of the wheel that `pip install .` would install, and its folder."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    copy_checkout(source)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-index", "--no-build-isolation"]
    command += ["--disable-pip-version-check", "-w", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder / "installed")
        return folder / "installed", archive.namelist()


def copy_checkout(target):
    """Copies what the build reads, so that no build folder appears in the checkout."""
    for path in [*ROOT.glob("*.*"), ROOT / "LICENSE", *(ROOT / "configs").rglob("*")]:
        copy_file(path, target)
    for package in ("tfgen", "registry"):
        for path in (ROOT / package).rglob("*"):
            copy_file(path, target)


def copy_file(path, target):
    if path.is_file() and "__pycache__" not in path.parts:
        place = target / path.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())


def test_the_wheel_holds_every_module_config_and_data_file(wheel):
    _, names = wheel
    files = [path for folder in ("tfgen", "registry") for path in (ROOT / folder).rglob("*") if path.is_file()]
    expected = {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts}
    configs = ROOT / "configs"
    expected |= {f"tfgen/configs/{path.relative_to(configs).as_posix()}" for path in configs.rglob("*.py")}
    assert sorted(expected - set(names)) == []
    assert not [name for name in names if name.startswith(("tests", "configs", "benchmarks"))]


def test_the_wheel_is_called_keras_tfgen_and_has_the_console_script(wheel):
    folder, _ = wheel
    (info,) = folder.glob("*.dist-info")
    assert info.name == f"keras_tfgen-{tfgen.__version__}.dist-info"
    metadata = (info / "METADATA").read_text()
    assert "Requires-Python: >=3.11" in metadata
    assert re.search("Requires-Dist: importlib[-_]resources", metadata)
    assert "tfgen = tfgen.cli:main" in (info / "entry_points.txt").read_text()
    assert list(info.rglob("LICENSE"))


def test_configs_are_found_in_an_installed_package_from_any_directory(wheel, tmp_path):
    folder, _ = wheel
    code = (
        "from tfgen.recipes.recipe import load_recipe, recipe_names; print(load_recipe('dcgan').model, *recipe_names())"
    )
    done = run_python(code, tmp_path, folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["dcgan", *sorted(path.stem for path in (ROOT / "configs").rglob("*.py"))]


def run_python(code, folder, path):
    # The path is set inside, so that an installed tfgen does not come first.
    code = f"import sys; sys.path.insert(1, {str(path)!r}); {code}"
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)


def test_every_folder_with_code_is_a_package():
    folders = {path.parent for package in ("tfgen", "registry") for path in (ROOT / package).rglob("*.py")}
    assert not [str(folder) for folder in folders if not (folder / "__init__.py").exists()]


def test_a_foreign_registry_is_refused_in_a_sentence_and_not_run(tmp_path):
    (tmp_path / "registry.py").write_text("print('run')")
    done = run_python("import tfgen", tmp_path, ROOT)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: tfgen needs its own package 'registry' (part of keras-tfgen), but found "
        f"{tmp_path / 'registry.py'} instead; rename that file or run from another folder"
    )


def test_a_folder_called_registry_is_no_obstacle(tmp_path):
    (tmp_path / "registry").mkdir()
    assert run_python("import tfgen", tmp_path, ROOT).returncode == 0


def test_every_public_name_is_there():
    for name in tfgen.__all__:
        assert getattr(tfgen, name) is not None, name
    assert set(tfgen.__all__) <= set(dir(tfgen))
    assert callable(tfgen.train) and callable(tfgen.load_run)


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'tfgen' has no attribute 'biuld_model'"):
        _ = tfgen.biuld_model


def test_the_python_versions_agree():
    setup = (ROOT / "setup.py").read_text()
    project = (ROOT / "pyproject.toml").read_text()
    assert re.search(r'python_requires=">=3\.(\d+)"', setup).group(1) == re.search(r"py3(\d+)", project).group(1)
