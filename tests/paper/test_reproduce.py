import json
import re
from dataclasses import replace
from importlib import import_module

import pytest

from leanspike.paper.ablation import Step
from leanspike.paper.claims import as_markdown, as_text
from leanspike.paper.published import published_energy
from leanspike.paper.reproduce import FIGURES, TABLE_FIGURES, finding, reproduce
from leanspike.paper.table import Outcome, Parts, row_of

module = import_module("leanspike.paper.reproduce")
TITLES = ("as they modelled it, unfitted", "as they modelled it, fitted", "physical")


def published_rows():
    return {row_of(one): (one.energy_uj / 1e3, one.cycles / 1e6) for one in published_energy()}


@pytest.fixture(scope="module")
def quick_model(exact):
    """A model that is exactly the published table, and prices nothing."""

    def column(reading, outcomes=None, *, title):
        return replace(exact, title=title)

    def plain(reading):
        return {row: Outcome(*found) for row, found in published_rows().items()}

    def parts(reading):
        return {
            row: Parts(0.1 * energy, 0.1 * energy / (1 + len(row[0])), 0.2, 0.0, cycles)
            for row, (energy, cycles) in published_rows().items()
        }

    def steps():
        return (Step("first", 2.0, 3.0), Step("second", 2.0, 2.5, 1.2), Step("third", 2.0, 2.1))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "model_column", column)
        patch.setattr(module, "table", plain)
        patch.setattr(module, "table_parts", parts)
        patch.setattr(module, "ablation", steps)
        yield


@pytest.fixture(scope="module")
def alone(quick_model, tmp_path_factory):
    """What is written without a study: the folder, and what is returned."""
    folder = tmp_path_factory.mktemp("alone")
    return folder, reproduce(folder)


@pytest.mark.usefixtures("quick_model")
def test_page_claims_and_figures_are_written(results, tmp_path):
    said = []
    found = reproduce(tmp_path, studies=[results], say=said.append)
    judged = found.claims
    assert [claim["text"] for claim in json.loads((tmp_path / "claims.json").read_text())] == [
        claim.text for claim in judged
    ]
    assert (tmp_path / "claims.md").read_text() == as_markdown(judged) + "\n"
    for name in [*FIGURES, *TABLE_FIGURES]:
        for suffix in ("png", "pdf", "svg"):
            assert (tmp_path / "figures" / f"{name}.{suffix}").stat().st_size > 1000
    page = (tmp_path / "reproduce.html").read_text(encoding="utf-8")
    assert len(page.encode()) < 5_000_000
    outside = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert all(link.startswith(("#", "data:")) for link in outside)
    assert page.count("data:image/svg+xml") == len(FIGURES) + len(TABLE_FIGURES) == 8
    assert len(said) == 6  # four pricings, the study, drawing


def test_without_a_study_the_published_and_the_model_stand_alone(alone):
    folder, found = alone
    assert all(tuple(claim.answers) == TITLES for claim in found.claims)
    assert "own study" not in (folder / "reproduce.html").read_text(encoding="utf-8")


def test_the_same_input_gives_the_same_files(alone, tmp_path):
    folder, _ = alone
    reproduce(tmp_path)
    for one in sorted(folder.rglob("*.*")):
        assert one.read_bytes() == (tmp_path / one.relative_to(folder)).read_bytes()


def test_the_text_names_every_claim_and_verdict(alone):
    judged = alone[1].claims
    text = as_text(judged)
    for claim in judged:
        assert claim.text in text
        assert claim.published in text


def test_the_summary_has_the_figures_of_both_readings_by_format(alone):
    folder, found = alone
    assert json.loads((folder / "table.json").read_text()) == found.summary
    for reading in ("fitted", "unfitted"):
        assert list(found.summary[reading]) == ["RLE", "CP", "UOP", "UBM"]
        for figures in found.summary[reading].values():
            assert set(figures) == {
                "ratio_80_over_ternary", "ratio_error", "rank_correlation_mean",
                "rank_correlation_max", "mare_mean", "mare_max",
            }  # fmt: skip
    perfect = found.summary["unfitted"]["RLE"]
    assert perfect["ratio_80_over_ternary"] == pytest.approx(1.457, abs=5e-4)
    assert (perfect["rank_correlation_max"], perfect["mare_max"]) == (1.0, 0.0)
    assert len(found.summary["anomalous_rows"]) == 16
    text = finding(found)
    assert "second" in text
    assert "1.250" in text
