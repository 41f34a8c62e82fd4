"""The page of disentanglement: medians and spreads by hand, rows that have not been run."""

import pytest

from benchmarks import disentanglement
from benchmarks.disentanglement import page


@pytest.fixture
def lines():
    found = {
        "vae:latent_dim=10": {0: 0.1, 1: 0.3, 2: 0.2},
        "beta_tc_vae": {seed: 0.15 + 0.1 * seed for seed in range(4)},
        "factor_vae": {},
    }
    return page(found, steps=2000, seeds=4).splitlines()


def test_medians_and_spreads_by_hand(lines):
    assert "| `vae` | 3 | 0.200 | 0.150 to 0.250 | 0.100 to 0.300 | 1 of 3 |" in lines
    assert "| `beta_tc_vae` | 4 | 0.300 | 0.225 to 0.375 | 0.150 to 0.450 | 3 of 4 |" in lines
    assert any("2,000 steps" in line for line in lines)


def test_what_has_not_been_run_is_empty_and_named(lines):
    assert "| `factor_vae` | 0 | | | | |" in lines
    assert "Not yet run: vae (seeds 3); factor_vae (seeds 0, 1, 2, 3)." in lines
    assert not any("Not yet run" in line for line in page({"vae": {0: 0.1}}, seeds=1).splitlines())
    empty = page({"vae": {}, "beta_tc_vae": {0: 0.2}}, seeds=1)
    assert "| `beta_tc_vae` | 1 | 0.200 | 0.200 to 0.200 | 0.200 to 0.200 |  |" in empty


def test_the_board_has_one_budget_and_the_score_alone(tmp_path):
    found = disentanglement.board(str(tmp_path), seeds=2, steps=7)
    assert [entry.recipe.model for entry in found.entries] == ["vae", "beta_tc_vae", "factor_vae"]
    assert {int(entry.recipe.options["latent_dim"]) for entry in found.entries} == {10}
    assert found.metrics == ("mig",) and found.budget.flags(found.entries[0].recipe) == ["--steps=7"]
    assert disentanglement.gaps_of(found) == {entry.name: {} for entry in found.entries}
