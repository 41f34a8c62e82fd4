"""Recipes: checked fields, merging, saving, comparing; configs found, run, and refused with their line."""

import copy
import dataclasses
import json
import pickle

import pytest

import tfgen
from tfgen.errors import UserError
from tfgen.recipes import recipe as recipes
from tfgen.recipes.fields import parse_stages
from tfgen.recipes.recipe import Recipe, default_recipe, load_recipe, recipe_names, rows


def refused(call, *args, **kwargs):
    with pytest.raises(UserError) as raised:
        call(*args, **kwargs)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_fields_take_their_one_form():
    recipe = Recipe("dcgan", image_size=28, max_minutes=3, options={"units": (5, 6)}, steps=10)
    assert (recipe.image_size, recipe.max_minutes, recipe.options) == ((28, 28), 3.0, {"units": [5, 6]})
    assert Recipe("dcgan", image_size=[28, 32]).image_size == (28, 32)


def test_stages_are_phases_with_their_steps():
    assert Recipe("dcgan").stages is None and Recipe("dcgan", stages="none").stages is None
    assert Recipe("dcgan", stages="autoencoder:1000, flow + critic").stages == "autoencoder:1000,flow+critic"
    assert parse_stages("autoencoder:1000,flow+critic") == ((("autoencoder",), 1000), (("flow", "critic"), None))
    assert parse_stages("a:3") == ((("a",), 3),)


def test_the_table_has_every_field_and_a_flag_or_set_for_each():
    assert list(rows()) == [field.name for field in dataclasses.fields(Recipe) if field.name != "given"]
    assert {name for name, row in rows().items() if row.flag is None} == {"options", "schedule"}
    changing = {
        "epochs",
        "steps",
        "max_minutes",
        "max_cpu_seconds",
        "stop",
        "checkpoint_steps",
        "data_dir",
        "distribute",
        "replicas",
        "logger",
    }
    assert {name for name, row in rows().items() if row.changes} == changing


def test_a_recipe_knows_which_options_a_user_gave_over_those_of_a_config():
    assert Recipe("vae", options={"a": 1}).given == {"a"}
    recipe = load_recipe("vae")
    assert recipe.given == frozenset() and recipe.options
    changed = recipe.replace(options={"width": 3}).replace(seed=4)
    assert changed.given == {"width"} and changed.without_options(["width"]).given == frozenset()
    assert "width" in recipe.options and "width" not in changed.without_options(["width"]).options
    assert Recipe.from_json(changed.to_json()).given == frozenset()
    assert pickle.loads(pickle.dumps(changed)).given == copy.deepcopy(changed).given == {"width"}
    assert changed == load_recipe("vae").replace(seed=4, options={"width": 3})


def test_neither_epochs_nor_steps_means_ten_epochs():
    assert (Recipe("vae").epochs, Recipe("vae").steps) == (10, None)
    assert (Recipe("vae", steps=5).epochs, Recipe("vae", steps=5).steps) == (None, 5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"batchsize": 3}, "a recipe has no field 'batchsize'; did you mean 'batch_size'?"),
        ({"zzz": 3}, "a recipe has no field 'zzz'; a model's own settings go into options={'zzz': ...}"),
        ({"model": 3}, "model expects a name, got 3"),
        ({"model": " "}, "model expects a name, got ' '"),
        ({"batch_size": 0}, "batch_size expects an integer of at least 1, got 0"),
        ({"batch_size": 1.5}, "batch_size expects an integer of at least 1, got 1.5"),
        ({"batch_size": True}, "batch_size expects an integer of at least 1, got True"),
        ({"epochs": "3"}, "epochs expects an integer of at least 1, got '3'"),
        ({"epochs": 3, "steps": 4}, "give epochs or steps, not both, got epochs=3 and steps=4"),
        ({"max_minutes": 0}, "max_minutes expects a positive number, got 0"),
        ({"max_minutes": float("inf")}, "max_minutes expects a positive number, got inf"),
        ({"seed": -1}, "seed expects an integer of at least 0, got -1"),
        ({"seed": 2**31}, "seed expects an integer of at least 0 and at most 2147483647, got 2147483648"),
        (
            {"precision": "bfloat16"},
            "precision expects one of float32, mixed_bfloat16, auto, got 'bfloat16'; did you mean 'mixed_bfloat16'?",
        ),
        ({"image_size": "28"}, "image_size expects a size such as 32, or (height, width), got '28'"),
        ({"image_size": (1, 2, 3)}, "image_size expects a size such as 32, or (height, width), got (1, 2, 3)"),
        ({"image_size": 0}, "image_size expects a size such as 32, or (height, width), got 0"),
        ({"mirror": 1}, "mirror expects True or False, got 1"),
        (
            {"stages": "flow:0"},
            "stages expects phases with their steps, such as autoencoder:1000,flow, got 'flow:0' in 'flow:0'",
        ),
        ({"stages": ""}, "stages expects phases with their steps, such as autoencoder:1000,flow, got '' in ''"),
        (
            {"stages": "a:3,,b"},
            "stages expects phases with their steps, such as autoencoder:1000,flow, got '' in 'a:3,,b'",
        ),
        ({"stages": "a+b,c"}, "stages: only the last stage may leave out its steps; write a+b:1000, for example"),
        ({"stages": 3}, "stages expects phases with their steps, such as autoencoder:1000,flow, got 3"),
        ({"schedule": {"warmup": 3}}, "schedule expects a name, or a dict with a 'name', got {'warmup': 3}"),
        ({"schedule": 3}, "schedule expects a name, got 3"),
        ({"steps_per_execution": 0}, "steps_per_execution expects an integer of at least 1, got 0"),
        ({"checkpoint_steps": 0}, "checkpoint_steps expects an integer of at least 1, got 0"),
        ({"options": ["a"]}, "options expects a dict from option names to values, got ['a']"),
        ({"options": {1: 2}}, "options expects a dict from option names to values, got {1: 2}"),
        (
            {"options": {"loss": object()}},
            "option 'loss' of a recipe expects a plain value, got one of type object; write an object as text, "
            "for example 'hinge' or 'uniform(-1, 1)'",
        ),
    ],
)
def test_every_field_is_checked(fields, message):
    assert refused(Recipe, **{"model": "dcgan", **fields}) == message


def test_a_model_is_required():
    assert refused(Recipe, batch_size=3) == "a recipe needs a model, for example Recipe(model='dcgan')"


def test_replace_merges_options_and_leaves_the_old_alone():
    old = Recipe("vae", options={"a": 1, "b": 2}, epochs=3)
    new = old.replace(options={"b": 3}, batch_size=7)
    assert (new.options, new.batch_size, new.epochs) == ({"a": 1, "b": 3}, 7, 3)
    assert old.options == {"a": 1, "b": 2}
    assert refused(old.replace, batchsize=3) == "a recipe has no field 'batchsize'; did you mean 'batch_size'?"


def test_epochs_and_steps_displace_each_other():
    assert Recipe("vae", epochs=3).replace(steps=5).epochs is None
    assert Recipe("vae", steps=3).replace(epochs=5).steps is None
    assert refused(Recipe("vae").replace, epochs=1, steps=2).startswith("give epochs or steps, not both")


def test_json_and_copies_give_the_same_recipe():
    recipe = Recipe("vae", options={"units": (3, 4), "prior": "normal"}, image_size=20, schedule={"name": "cosine"})
    assert Recipe.from_json(json.dumps(recipe.to_json())) == recipe
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert pickle.loads(pickle.dumps(recipe)) == copy.deepcopy(recipe) == recipe
    message = refused(Recipe.from_json, {**recipe.to_json(), "later": 1})
    assert message.startswith("a recipe has no field 'later'")


def test_differences_name_what_changed():
    old = Recipe("vae", options={"beta": 1.0, "units": [5, 6]}, batch_size=64)
    new = Recipe("vae", options={"beta": 2.0, "width": 3, "units": [5, 6]}, batch_size=128)
    assert old.differences(new) == [
        "option beta was 1.0, now 2.0",
        "batch_size was 64, now 128",
        "option width was not set, now 3",
    ]


def test_what_may_change_is_no_difference():
    old = Recipe("vae", epochs=3)
    new = old.replace(steps=9, max_minutes=2, checkpoint_steps=3, data_dir="/data")
    assert old.differences(new) == []
    assert old.differences(old.replace(seed=1)) == ["seed was 0, now 1"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("64", 64, True),
        ("1e-3", 0.001, True),
        ("true", True, True),
        ("none", None, True),
        ("500,200", [500, 200], True),
        ("(500, 200)", [500, 200], True),
        ("uniform(-1,1)", "uniform(-1, 1)", True),
        ("uniform(-1,1)", "uniform(-1, 2)", False),
        ("1", 2, False),
        ({"a": "1"}, {"a": 1}, True),
    ],
)
def test_two_spellings_of_a_value_are_no_difference(one, other, same):
    differences = Recipe("m", options={"x": one}).differences(Recipe("m", options={"x": other}))
    assert (differences == []) is same


def test_every_config_that_ships_is_a_recipe_and_says_how_to_run_it():
    assert {"ae", "cgan", "dcgan", "gan", "vae"} <= set(recipe_names())
    for name, path in recipe_names().items():
        assert load_recipe(name).model in tfgen.model_names()
        text = path.read_text(encoding="utf-8")
        assert text.startswith('"""') and "python -m tfgen.run" in text.split('"""')[1], name


@pytest.fixture
def configs(tmp_path, monkeypatch):
    monkeypatch.setattr(recipes, "configs_folder", lambda: tmp_path)

    def write(name, body):
        (tmp_path / f"{name}.py").write_text(body, encoding="utf-8")
        return tmp_path / f"{name}.py"

    return write


def test_a_bare_name_or_a_path(configs, tmp_path):
    path = configs("vae", "import tfgen\n\ndef recipe():\n    return tfgen.Recipe('vae', steps=3)\n")
    derived = "import tfgen\n\ndef recipe():\n    return tfgen.load_recipe('vae').replace(batch_size=8)\n"
    configs("vae_small", derived)
    configs("_private", "")
    assert list(recipe_names()) == ["vae", "vae_small"]
    assert load_recipe(path) == load_recipe(str(path)) == load_recipe("vae") == Recipe("vae", steps=3)
    assert load_recipe("vae_small") == Recipe("vae", steps=3, batch_size=8)
    assert not (tmp_path / "__pycache__").exists()


def test_unknown_configs(configs, tmp_path):
    configs("vae", "")
    configs("dcgan", "")
    assert refused(load_recipe, "dcagn") == "unknown config 'dcagn'; did you mean 'dcgan'?"
    assert refused(load_recipe, "zzz") == "unknown config 'zzz'; expected one of dcgan, vae, or a path to a .py file"
    missing = tmp_path / "no.py"
    assert refused(load_recipe, missing) == f"there is no config file {missing}; a bare name means one of dcgan, vae"


@pytest.mark.parametrize(
    ("body", "line", "message"),
    [
        ("import tfgen\n\ndef recipe():\n    return 1 / 0\n", 4, "ZeroDivisionError: division by zero"),
        ("x = 1\ndef recipe(:\n", 2, "SyntaxError: invalid syntax"),
        ("\nimport no_such_module\n", 2, "ModuleNotFoundError: No module named 'no_such_module'"),
        (
            "import tfgen\ndef recipe():\n    return tfgen.Recipe(\n        model='vae', batchsize=3)\n",
            3,
            "a recipe has no field 'batchsize'; did you mean 'batch_size'?",
        ),
        ("import tfgen\ndef recipe():\n    return tfgen.load_recipe('x')\n", 3, "unknown config 'x'"),
    ],
)
def test_a_config_that_fails_is_named_with_its_line(configs, body, line, message):
    path = configs("bad", body)
    assert refused(load_recipe, "bad").startswith(f"{path}:{line}: {message}")


def test_a_config_without_a_recipe(configs):
    path = configs("bad", "x = 1\n")
    expected = f"{path} has no function recipe(); a config is a module with `def recipe()` returning a Recipe"
    assert refused(load_recipe, "bad") == expected
    configs("bad", "def recipe():\n    return 3\n")
    assert refused(load_recipe, "bad") == f"recipe() in {path} returned 3, expected a tfgen.Recipe"


def test_a_model_and_a_dataset_choose_the_config(configs):
    for name in ("vae", "vae_mnist"):
        configs(
            name, f"import tfgen\ndef recipe():\n    return tfgen.Recipe('vae', 'mnist', options={{'n': '{name}'}})\n"
        )
    assert default_recipe("vae").options == {"n": "vae"}
    assert default_recipe("vae", "mnist").options == {"n": "vae_mnist"}
    assert default_recipe("vae", "cifar10") == Recipe("vae", "cifar10", options={"n": "vae"})
    assert default_recipe("vae", "folder:/a/b").dataset == "folder:/a/b"
    assert default_recipe("plugin_model") == Recipe("plugin_model", epochs=10)
