"""The default folder of a run: a name for each recipe, the same whatever the order of the flags."""

import itertools

import pytest

import tfgen
from tfgen.recipes.recipe import default_recipe
from tfgen.run import COMMAND, recipe_from_flags
from tfgen.runs.naming import default_workdir, folder_name


def named(*flags):
    return folder_name(recipe_from_flags(COMMAND.parse(flags)))


DCGAN, VAE = "dcgan-fashion_mnist_mini", "vae-fashion_mnist_mini"


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        (["--model=dcgan"], DCGAN),
        (["--config=dcgan"], DCGAN),
        (["--model=dcgan", "--epochs=3", "--distribute=mirrored", "--replicas=2", "--checkpoint_steps=5"], DCGAN),
        (["--model=dcgan", "--max_minutes=2", "--stop=divergence", "--data_dir=."], DCGAN),
        (["--model=dcgan", "--batch_size=32", "--seed=0", "--set=width=16"], DCGAN),  # its own values
        (["--model=dcgan", "--set=beta_1=0", "--set=full_size=TRUE"], DCGAN),
        (["--model=dcgan", "--seed=3"], f"{DCGAN}-seed_3"),
        (["--model=dcgan", "--batch_size=64", "--image_size=16x32", "--mirror"], None),
        (["--model=dcgan", "--set=loss=hinge"], f"{DCGAN}-loss_hinge"),
        (["--model=dcgan", "--set=schedule=cosine"], f"{DCGAN}-schedule_cosine"),
        (
            ["--model=vae", "--set=network=dense", "--set=units=64,32"],
            "vae-fashion_mnist_mini-network_dense-units_64-32",
        ),
        (["--model=vae", "--dataset=folder:my photos/é"], "vae-folder-my-photos-é"),
        (["--model=vae", "--dataset=mnist"], "vae-mnist"),
        (["--model=vae", "--dataset=small(edges(mnist), 2)"], "vae-small-edges-mnist-2"),
        (["--config=dcgan_paper", "--dataset=mnist"], "dcgan-mnist-paper"),
        (["--config=dcgan_paper", "--dataset=mnist", "--seed=1"], "dcgan-mnist-paper-seed_1"),
        (["--config=vae_binarized_mnist"], "vae-binarized_mnist"),
        (["--config=vae_binarized_mnist_paper"], "vae-binarized_mnist-paper"),
        (["--config=vae_binarized_mnist", "--dataset=mnist"], "vae-mnist-binarized_mnist"),
    ],
)
def test_a_name_says_what_makes_the_recipe_another_one(flags, name):
    found = named(*flags)
    assert found == (name or f"{DCGAN}-batch_size_64-image_size_16-32-mirror_true")


def test_the_second_example_of_a_user_does_not_land_in_the_folder_of_the_first():
    flags = ["--set=discriminator_steps=2", "--set=loss=hinge", "--epochs=30"]
    names = {named("--model=dcgan", *order) for order in itertools.permutations(flags)}
    assert names == {f"{DCGAN}-loss_hinge-discriminator_steps_2"}
    assert str(default_workdir(default_recipe("dcgan"))) == f"runs/{DCGAN}"


def test_python_and_the_command_line_name_alike():
    recipe = tfgen.load_recipe("cgan").replace(seed=2, options={"loss": "hinge"})
    assert folder_name(recipe) == named("--model=cgan", "--seed=2", "--set=loss=hinge")
    # a recipe that is written out has the name of its differences
    whole = tfgen.Recipe(**tfgen.load_recipe("cgan").values())
    assert folder_name(whole) == "cgan-fashion_mnist_mini"
    assert folder_name(whole.replace(batch_size=16)) == "cgan-fashion_mnist_mini-batch_size_16"


def test_values_that_no_file_name_can_hold_are_told_apart_by_a_hash():
    one, other = (named("--model=dcgan", f"--set=prior={prior}") for prior in ("uniform(-1,1)", "uniform(-1,2)"))
    again = named("--model=dcgan", "--set=prior=uniform(low=-1.0, high=1.0)")
    assert one != other and one == again and one.startswith(f"{DCGAN}-prior_uniform-low")
    for flags in (["--set=prior=../../x"], ["--init_from=runs/a.keras"], ["--set=loss=a/b\\c*?\n"]):
        name = named("--model=dcgan", *flags)
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-")


def test_long_names_are_cut_and_told_apart():
    many = [
        f"--set={name}={value}" for name, value in zip(("width", "depth", "kernel_size", "stddev", "ema"), range(2, 9))
    ]
    long = [named("--model=dcgan", *many, "--set=generator_learning_rate=0.0012", f"--seed={seed}") for seed in (1, 2)]
    path = "npz:/" + "a" * 300
    paths = [named("--model=vae", f"--dataset={path}{end}") for end in "bc"]
    for found in (long, paths, [named("--model=vae", f"--dataset=folder:{'é' * 200}{end}") for end in "bc"]):
        assert len(set(found)) == 2 and all(len(name.encode()) < 200 for name in found)
    bare = tfgen.Recipe(model="dcgan")  # the builder's own defaults, in the place of all that the config sets
    assert len(folder_name(bare)) < 120 and folder_name(bare).startswith(f"{DCGAN}-width_default-")


def test_a_recipe_file_has_a_folder_of_its_own(tmp_path):
    text = "import tfgen\n\n\ndef recipe():\n    return tfgen.load_recipe('dcgan').replace(seed=4)\n"
    for name in ("mine", "dcgan"):
        (tmp_path / f"{name}.py").write_text(text)
    assert named(f"--config={tmp_path / 'mine.py'}") == f"{DCGAN}-mine"
    assert named(f"--config={tmp_path / 'mine.py'}", "--seed=5") == f"{DCGAN}-mine-seed_5"
    # named as the model's own and not its own: what it says decides
    assert named(f"--config={tmp_path / 'dcgan.py'}") == f"{DCGAN}-seed_4"


def test_the_identity_agrees_with_the_differences():
    recipe = default_recipe("dcgan")
    same = [recipe.replace(epochs=99), recipe.replace(distribute="mirrored"), recipe.replace(options={"width": "16"})]
    others = [recipe.replace(seed=1), recipe.replace(options={"width": 17}), recipe.replace(options={"depth": 3})]
    for other in (*same, *others, recipe.replace(dataset="mnist"), tfgen.Recipe(model="dcgan")):
        assert (other.identity == recipe.identity) is (recipe.differences(other) == []), recipe.differences(other)
    assert tfgen.Recipe.from_json(recipe.to_json()).identity == recipe.identity
