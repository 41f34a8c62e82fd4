"""Listing names starts no TensorFlow; `lint-imports` holds the order of the layers (pyproject.toml)."""

import ast
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEAVY = ("tensorflow", "keras")
LIGHT = (
    "registry",
    "tfgen",
    "tfgen.errors",
    "tfgen.recipes.options",
    "tfgen.recipes.recipe",
    "tfgen.cli",
    "tfgen.run",
    "tfgen.sample",
)
LIGHT += ("tfgen.models", "tfgen.data", "tfgen.evaluate", "tfgen.leaderboard", "tfgen.extractors", "tfgen.latent")
LIGHT += ("tfgen.check",)


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


def test_registry_needs_the_standard_library_alone():
    for path in files_of("registry"):
        for name in imports_of(path):
            assert name.split(".")[0] in {*sys.stdlib_module_names, "registry"}, path


def test_light_modules_start_no_tensorflow():
    present = [module for module in LIGHT if any(f.exists() for f in files_of(module))]
    code = f"import sys, {', '.join(present)}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
