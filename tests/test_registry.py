"""Names to functions: look-up, registration, owners, messages."""

import functools
import sys
import types

import pytest

from registry import DuplicateName, Registry, RegistryError, UnknownName, nearest


@pytest.fixture
def models():
    builtins = {"dcgan": ("json:loads", "a builder"), "vae": ("no_such_module_at_all:vae", "another")}
    return Registry("model", builtins)


def top_level():
    """First line.

    More.
    """


def test_names_are_sorted_and_import_nothing(models):
    models.register("another")(top_level)
    assert models.names() == ["another", "dcgan", "vae"]
    assert "dcgan" in models and "gan" not in models
    assert "no_such_module_at_all" not in sys.modules


def test_get_imports_the_module_of_a_row(models):
    import json

    assert models.get("dcgan") is json.loads
    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
        models.get("vae")


def test_summaries_come_from_rows_and_docstrings(models):
    models.register("one")(top_level)
    models.register("two", summary="said here")(lambda: None)
    models.register("three")(lambda: None)
    assert models.summaries() == {
        "dcgan": "a builder",
        "one": "First line.",
        "three": f"from {__name__}.test_summaries_come_from_rows_and_docstrings.<locals>.<lambda>",
        "two": "said here",
        "vae": "another",
    }


def test_register_returns_the_function_itself(models):
    assert models.register("one")(top_level) is top_level
    assert models.get("one") is top_level


@pytest.mark.parametrize("name", ["dcagn", "DCGAN", "dcgan2"])
def test_an_unknown_name_gets_the_nearest(models, name):
    with pytest.raises(UnknownName) as raised:
        models.get(name)
    assert str(raised.value) == f"unknown model {name!r}; did you mean 'dcgan'?"


def test_an_unknown_name_like_no_other_gets_the_list(models):
    with pytest.raises(UnknownName) as raised:
        models.get("zzzzzz")
    assert str(raised.value) == "unknown model 'zzzzzz'; expected one of dcgan, vae"
    assert nearest("zzzzzz", ["dcgan"]) == ""


def test_a_duplicate_of_a_row_names_both_owners(models):
    with pytest.raises(DuplicateName) as raised:
        models.register("dcgan")(top_level)
    assert str(raised.value) == (
        f"model 'dcgan' of {__name__}.top_level is already registered by json.loads; choose another name"
    )
    assert models.get("dcgan") is not top_level


def test_a_duplicate_of_a_registered_name_names_both_owners(models):
    models.register("mine")(top_level)

    def other():
        pass

    with pytest.raises(DuplicateName) as raised:
        models.register("mine")(other)
    here = f"{__name__}.test_a_duplicate_of_a_registered_name_names_both_owners.<locals>.other"
    assert str(raised.value) == (
        f"model 'mine' of {here} is already registered by {__name__}.top_level; choose another name"
    )


def test_a_definition_that_runs_again_replaces_the_old(models):
    """A notebook cell, or importlib.reload."""
    notebook = types.ModuleType("notebook")
    notebook.register = models.register
    cell = "@register('mine')\ndef build():\n    return {}\n"
    exec(cell.format(1), vars(notebook))
    exec(cell.format(2), vars(notebook))
    assert models.get("mine")() == 2


def test_two_local_functions_are_two_owners(models):
    def make(value):
        def build():
            return value

        return build

    models.register("mine")(make(1))
    with pytest.raises(DuplicateName):
        models.register("mine")(make(2))
    assert models.get("mine")() == 1


def test_the_function_of_a_row_may_carry_the_decorator(models):
    import json

    models.register("dcgan")(json.loads)
    assert models.get("dcgan") is json.loads


@pytest.mark.parametrize("name", ["", "my gan", "a/b", "tfds:x", top_level, 3])
def test_names_are_plain_words(models, name):
    with pytest.raises(RegistryError, match=r"write @register_model\(\"my_model\"\) above the function"):
        models.register(name)


def test_a_callable_without_a_name_of_its_own_is_welcome(models):
    function = functools.partial(top_level)
    models.register("partial")(function)
    assert models.get("partial") is function
