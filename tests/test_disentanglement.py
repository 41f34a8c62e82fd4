"""The page of disentanglement: medians and spreads by hand, rows that are not run twice or have not been run."""

import json
import sys

import pytest

from benchmarks import disentanglement
from benchmarks.disentanglement import Row, page

FOUND = {Row("vae", seed, 2000).name: gap for seed, gap in enumerate((0.1, 0.3, 0.2))}
FOUND |= {Row("beta_tc_vae", seed, 2000).name: 0.15 + 0.1 * seed for seed in range(4)}


@pytest.fixture
def lines():
    return page(FOUND, steps=2000, seeds=4).splitlines()


def test_medians_and_spreads_by_hand(lines):
    assert "| `vae` | 3 | 0.200 | 0.150 to 0.250 | 0.100 to 0.300 | 1 of 3 |" in lines
    assert "| `beta_tc_vae` | 4 | 0.300 | 0.225 to 0.375 | 0.150 to 0.450 | 3 of 4 |" in lines
    assert any("2,000 steps" in line for line in lines)


def test_what_has_not_been_run_is_empty_and_named(lines):
    assert "| `factor_vae` | 0 | | | | |" in lines
    assert any("vae (seeds 3); factor_vae (seeds 0, 1, 2, 3)." in line for line in lines)
    full = {row.name: 0.1 for row in disentanglement.rows(1)}
    assert "Not yet run" not in page(full, seeds=1)
    # without the model to compare with
    alone = page({Row("beta_tc_vae", 0).name: 0.2}, seeds=1)
    assert "| `beta_tc_vae` | 1 | 0.200 | 0.200 to 0.200 | 0.200 to 0.200 |  |" in alone


def test_what_is_there_is_not_trained_again(tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(disentanglement, "measured", lambda row: trained.append(row.name) or 0.25)
    monkeypatch.setattr(sys, "argv", ["disentanglement", "--seeds=2", f"--out={tmp_path / 'page'}"])
    disentanglement.main()
    assert len(trained) == 6 and trained[:2] == ["vae, seed 0, 3000 steps", "beta_tc_vae, seed 0, 3000 steps"]
    disentanglement.main()
    assert len(trained) == 6 and json.loads((tmp_path / "page.json").read_text())[trained[-1]] == 0.25
    assert "| `factor_vae` | 2 | 0.250 |" in (tmp_path / "page.md").read_text()


@pytest.mark.slow
def test_a_row_is_the_gap_of_a_training():
    assert 0 < disentanglement.measured(Row("vae", 1, 2)) < 0.2  # two steps disentangle nothing
