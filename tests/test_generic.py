"""Generic code asks models what they can do: it holds no class checks on them, and no name of a model or a data set."""

import ast
import pathlib

import pytest

import tfgen
from tfgen.data import DATASETS
from tfgen.models import MODELS

PACKAGE = pathlib.Path(tfgen.__file__).parent
FOLDERS = ("evaluation", "diagnosis", "export", "report", "latent", "guarantees", "training", "sampling", "runs")
FILES = [path for name in FOLDERS for path in sorted((PACKAGE / name).rglob("*.py"))]
FILES += [PACKAGE / name for name in ("leaderboard.py", "sample.py", "evaluate.py", "check.py")]
NAMES = {*MODELS._builtins, *(name.partition(":")[0] for name in DATASETS._builtins)} - {"folder", "npz", "idx", "tfds"}


def texts_that_are_no_code(tree):
    """The string constants of docstrings, and those that help texts and examples of commands consist of."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found.add(id(node.value))
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("COMMAND"):
            found |= {id(part) for argument in node.args[1:] for part in ast.walk(argument)}
        if isinstance(node, ast.keyword) and node.arg in ("example", "help"):
            found |= {id(part) for part in ast.walk(node.value)}
    return found


def faults(text):
    """What a module's text does that generic code does not."""
    tree = ast.parse(text)
    spoken = texts_that_are_no_code(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "hasattr", "getattr", "type"):
            subject = ast.unparse(node.args[0]) if node.args else ""
            if subject.removesuffix(")").rpartition(".")[2] in ("model", "_model") or "model." in subject:
                yield f"line {node.lineno}: {ast.unparse(node)}"
        named = isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in NAMES
        if named and id(node) not in spoken:
            yield f"line {node.lineno}: the name {node.value!r}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_generic_code_asks_the_model(path):
    assert list(faults(path.read_text(encoding="utf-8"))) == []


def test_the_test_sees_what_is_wrong():
    wrong = "isinstance(run.model, X) or getattr(model, 'a', 1) or hasattr(self.model.likelihood, 'b') or x == 'mnist'"
    assert len(list(faults(wrong))) == 4
    fine = '"""vae"""\nCOMMAND.string("extractor", None, "mnist")\nisinstance(error, UserError) and model.sampler'
    assert list(faults(fine)) == []
