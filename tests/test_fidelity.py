"""The fidelity cards: the page is that of the builders, and every deviation has a reason."""

import dataclasses

import pytest

from benchmarks import fidelity
from benchmarks.fidelity_cards import CARDS
from tfgen.models import MODELS

QUICK = ("gan", "vae", "ae")
PAGE = fidelity.PAGE.read_text(encoding="utf-8")


def card(name):
    return next(card for card in CARDS if card.model == name)


@pytest.mark.parametrize("name", QUICK)
def test_the_card_of_a_small_model_is_that_of_its_builder(name):
    assert fidelity.section(card(name)) in PAGE, "the builder has changed: python -m benchmarks.fidelity"


@pytest.mark.slow
@pytest.mark.plugins
def test_the_page_is_that_of_the_builders():
    assert fidelity.page() == PAGE, "a builder has changed: python -m benchmarks.fidelity"


def test_a_deviation_without_a_reason_is_refused_and_a_reason_without_a_deviation_too():
    known = card("ae")
    here = {name: text for name, text in known.published.items() if name not in known.reasons}
    here |= dict.fromkeys(known.reasons, "ours")
    assert set(fidelity.deviations(known, here)) == set(known.reasons) & set(known.published)
    with pytest.raises(ValueError, match="ae: prior is 'normal', published 'none': say why"):
        fidelity.deviations(known, {**here, "prior": "normal"})
    with pytest.raises(ValueError, match="ae: optimizer is as published, and has a reason"):
        fidelity.deviations(known, {**here, "optimizer": known.published["optimizer"]})


def test_a_change_of_a_builder_shows_in_the_card(monkeypatch):
    recipe = fidelity.load_recipe("vae_paper")
    changed = recipe.replace(options={**recipe.options, "units": [400], "stddev": 0.02})
    found = fidelity.properties(changed, fidelity.build(changed, (28, 28, 1)))
    assert found["encoder"] == "400 tanh, 20, 20" and found["initialisation"] == "N(0, 0.02^2)"
    with pytest.raises(ValueError, match="vae: encoder is '400 tanh, 20, 20', published '500 tanh, 20, 20': say why"):
        fidelity.deviations(card("vae"), found)
    assert dataclasses.replace(card("vae"), reasons={}).published["encoder"] == "500 tanh, 20, 20"


def test_every_registered_model_has_a_card_and_every_card_a_section():
    names = [known.model for known in CARDS]
    assert len(set(names)) == len(names)
    without = sorted(MODELS._builtins.keys() - set(names))
    assert not without, f"no card in benchmarks/fidelity_cards for {', '.join(without)}"
    sections = [line.removeprefix("## ") for line in PAGE.splitlines() if line.startswith("## ")]
    assert sections == names, "python -m benchmarks.fidelity"
    for name in names:
        assert fidelity.load_recipe(f"{name}_paper").model == name


@pytest.mark.parametrize(
    ("texts", "folded"),
    [
        ("a a a", "a, a, a"),  # one layer is not worth it
        ("a b a b c", "2 x (a, b), c"),
        ("x a b c a b c a b c b c", "x, 3 x (a, b, c), b, c"),
        ("p q p q a b c d a b c d", "2 x (p, q), 2 x (a, b, c, d)"),
        ("a b b a", "a, b, b, a"),
        ("", ""),
    ],
)
def test_layers_that_follow_again_and_again_are_given_once(texts, folded):
    assert ", ".join(fidelity.folded(texts.split())) == folded


def test_formulas_and_weights_of_a_model_are_on_its_card_those_that_are_off_are_not():
    recipe = fidelity.load_recipe("gan").replace(
        options={"units": [4], "maxout_units": [3], "loss": "hinge", "penalty": "r1(3)", "weight_clip": 0.25}
    )
    found = fidelity.settings(fidelity.build(recipe, (16, 16, 1)))
    assert found["loss"] == "hinge" and found["weight clip"] == "0.25" and found["value range"] == "-1 to 1"
    assert found["penalty"] == "r1(weight=3.0, every=1)" and found["prior"] == "uniform(-1, 1)"
    assert not {"augment", "selection", "feature matching", "seed", "generator"} & found.keys()


def test_layers_within_wrappers_and_their_initial_weights_are_seen():
    recipe = fidelity.load_recipe("sagan").replace(options={"width": 8})
    found = fidelity.properties(recipe, fidelity.build(recipe, (16, 16, 1)))
    assert found["generator"].startswith("sn 128, bn, relu, x2 nearest, sn conv 3x3 8, bn")
    assert found["initialisation"] == "GlorotUniform" and found["loss"] == "hinge"


def test_a_schedule_of_stages_has_its_ends():
    rates = {"name": "stages", "epochs": [3, 1, 1], "factors": [1.0, 0.5, 0.25]}
    assert fidelity.schedule_text(rates) == "3 stages of 3 to 1 epochs at 1 to 0.25 of the rate"
    assert fidelity.schedule_text({"name": "exponential", "rate": 1.5}) == "exponential, rate 1.5"
