"""Imports run one way, and listing names starts no TensorFlow."""

import ast
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BASE = {"tfgen.processor", "tfgen.errors", "tfgen.values"}
OBJECTS = {f"tfgen.{name}" for name in ("losses", "penalties", "priors", "likelihoods", "objectives", "augment")}
# Package or module -> what of ours it may import, itself apart.
MAY_IMPORT = {
    "registry": set(),
    "tfgen.processor": set(),
    "tfgen.errors": {"registry"},
    "tfgen.values": BASE,
    **dict.fromkeys(sorted(OBJECTS), BASE | OBJECTS),
    "tfgen.layers": BASE,
    "tfgen.networks": BASE | {"tfgen.layers"},
    "tfgen.data": BASE | {"registry", "tfgen.files"},
    "tfgen.training": BASE | OBJECTS | {"registry", "tfgen.data", "tfgen.files", "tfgen.images", "tfgen.layers"},
    # the recipe that trains the shipped extractors is a command
    "tfgen.metrics": BASE | OBJECTS | {"registry", "tfgen.cli", "tfgen.data", "tfgen.files", "tfgen.training"},
    "tfgen.shards": BASE | {"registry", "tfgen.cli", "tfgen.files", "tfgen.images"},
    "tfgen.evaluation": BASE | {"tfgen.data", "tfgen.files", "tfgen.images", "tfgen.metrics", "tfgen.shards"},
    "tfgen.models": BASE | OBJECTS | {"registry", "tfgen.data", "tfgen.networks", "tfgen.options", "tfgen.training"},
}
HEAVY = ("tensorflow", "keras")
LIGHT = ("registry", "tfgen", "tfgen.errors", "tfgen.options", "tfgen.recipe", "tfgen.cli", "tfgen.run", "tfgen.sample")
LIGHT += ("tfgen.models", "tfgen.data", "tfgen.evaluate", "tfgen.leaderboard", "tfgen.metrics.extractors")


def imports_of(path):
    """Modules that a file imports, in functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files_of(module):
    path = ROOT / module.replace(".", "/")
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def within(name, modules):
    return any(name == module or name.startswith(module + ".") for module in modules)


@pytest.mark.parametrize("module", [module for module in MAY_IMPORT if any(f.exists() for f in files_of(module))])
def test_imports_run_one_way(module):
    ours = [
        (path.name, name)
        for path in files_of(module)
        for name in imports_of(path)
        if within(name, ["registry", "tfgen"])
    ]
    assert not [found for found in ours if not within(found[1], {module, *MAY_IMPORT[module]})]


def test_registry_needs_the_standard_library_alone():
    for path in files_of("registry"):
        for name in imports_of(path):
            assert name.split(".")[0] in {*sys.stdlib_module_names, "registry"}, path


def test_light_modules_start_no_tensorflow():
    present = [module for module in LIGHT if any(f.exists() for f in files_of(module))]
    code = f"import sys, {', '.join(present)}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
