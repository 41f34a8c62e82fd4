"""The fidelity cards: the page is that of the builders, and every deviation has a reason."""

import dataclasses

import pytest

from benchmarks import fidelity
from benchmarks.fidelity_cards import CARDS

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


def test_every_card_is_of_a_model_with_both_recipes_and_has_a_section():
    for known in CARDS:
        assert f"\n## {known.model}\n" in PAGE
        assert fidelity.load_recipe(f"{known.model}_paper").model == known.model
