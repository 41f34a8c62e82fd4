"""The benchmark of the diagnosis: its rows cover every rule, its page shows its figures, its command repeats them."""

import json
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import rigged, rigged_page, rigged_rows  # noqa: E402
from tfgen.data import load_dataset  # noqa: E402
from tfgen.diagnosis.judge import rules_of  # noqa: E402
from tfgen.models import build_from_recipe  # noqa: E402
from tfgen.plugins import import_plugins  # noqa: E402
from tfgen.recipes.recipe import default_recipe  # noqa: E402

RIGGED, HEALTHY = rigged_rows.rigged(), rigged_rows.healthy("mnist", "cifar10.npz")
NETWORKS = ("generator", "discriminator", "encoder", "decoder")
PAGE = ROOT / "docs" / "diagnosis.md"


def general(name):
    """A finding's name without that of the network it is about, where it is about one."""
    network, _, rest = name.partition("_")
    return (
        f"NETWORK_{rest}" if network in NETWORKS and rest in ("stands_still", "hardly_changes", "dead_units") else name
    )


@pytest.fixture(scope="module")
def rules():
    """The names of the rules of one model of each family, conditional where it can be."""
    import_plugins([rigged_rows.PLUGIN])
    fields = load_dataset("rigged_shuffled").fields
    models = [build_from_recipe(default_recipe(name, "shapes"), fields) for name in ("cgan", "own_vae", "ae")]
    return {general(rule.name) for model in models for rule in rules_of(model)}


def test_every_rule_has_a_rig_and_a_line_on_the_page(rules):
    expected = {general(name) for row in RIGGED for name in row.expected}
    described = {name for names, *_ in rigged_page.FINDINGS for name in names.split(", ")}
    assert rules <= expected and rules <= described
    assert described <= expected and expected - described == {rigged_rows.REFUSED}


def test_the_rules_of_all_families_are_on_the_page():
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "tfgen").rglob("*.py")]
    written = {name for source in sources for name in re.findall(r'\bRule\(\s*"(\w+)"', source)}
    text = rigged_page.page(json.loads(PAGE.with_suffix(".json").read_text(encoding="utf-8")))
    assert len(written) > 30 and not [name for name in written if f"`{name}`" not in text]


def test_every_kind_of_fault_is_in_two_models_and_healthy_rows_have_three_seeds_and_colour():
    kinds = {}
    for row in RIGGED:
        kinds.setdefault(row.kind, set()).add((row.model, row.options.get("loss"), row.options.get("conditional")))
    assert not [kind for kind, models in kinds.items() if len(models) < 2]
    names = [row.name for row in (*RIGGED, *HEALTHY)]
    assert len(set(names)) == len(names) and len(RIGGED) >= 25 and len(HEALTHY) >= 12
    seeds = {}
    for row in HEALTHY:
        seeds.setdefault((row.model, row.data), set()).add(row.flags["seed"])
    assert {data for (_, data), found in seeds.items() if len(found) == 3} >= {"fashion_mnist_mini", "tinted"}


def test_a_row_is_right_by_what_names_it_and_by_what_it_is_not_called():
    row = rigged_rows.row("masks", "gan", "duplicates few_images")
    assert row.wrong(["duplicates", "discriminator_won"]) == "" and row.wrong(["few_images"]) == ""
    assert row.wrong(["discriminator_won"]) == "not named, expected duplicates or few_images"
    assert row.wrong(["duplicates", "diverged"]) == "called diverged"
    assert HEALTHY[0].wrong([]) == "" and HEALTHY[0].wrong(["overfits"]) == "false alarm"


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["rigged", *arguments])
    rigged.main()


@pytest.mark.slow
def test_the_command_trains_a_row_once_judges_it_again_and_writes_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)  # where --plugin=benchmarks.rigged_parts is found
    given = [f"--work={tmp_path}", "--rows=rigged", "--only=20_steps-gan,pixels_of_0_and_1-ae"]
    run(monkeypatch, *given, f"--out={tmp_path / 'page'}")
    said = capsys.readouterr().out.splitlines()
    assert said == ["1/2 pixels_of_0_and_1-ae: refused", "2/2 20_steps-gan: too_few_steps"]
    text = (tmp_path / "page.md").read_text()
    assert "refused, with a sentence" in text and "| 20 steps | `gan` | `too_few_steps` (20) |" in text

    file = tmp_path / "rows" / "20_steps-gan.json"
    kept = json.loads(file.read_text())
    lost = {"step": 20, "name": "generator_collapsed", "message": "of rules of long ago"}
    file.write_text(json.dumps({**kept, "findings": [*kept["findings"], lost]}))
    monkeypatch.setattr(rigged, "train", None)  # nothing is trained again
    run(monkeypatch, *given)
    assert "2/2 20_steps-gan: too_few_steps, generator_collapsed" in capsys.readouterr().out
    run(monkeypatch, *given, "--rejudge")
    assert "2/2 20_steps-gan: too_few_steps" in capsys.readouterr().out.splitlines()
    assert json.loads(file.read_text()) == kept


def test_the_page_is_of_the_figures_beside_it_and_every_row_of_them_is_right():
    results = json.loads(PAGE.with_suffix(".json").read_text(encoding="utf-8"))
    assert PAGE.read_text(encoding="utf-8") == rigged_page.page(results)
    rows = {row.name: row for row in (*RIGGED, *HEALTHY)}
    wrong = {name: rows[name].wrong(rigged.names_of(kept)) for name, kept in results["rows"].items()}
    assert not {name: text for name, text in wrong.items() if text}
    healthy = [name for name in results["rows"] if rows[name].kind == "healthy"]
    assert len(results["rows"]) - len(healthy) >= 90 and len(healthy) >= 11
