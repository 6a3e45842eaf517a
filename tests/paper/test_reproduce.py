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


@pytest.fixture
def quick_model(exact, monkeypatch):
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

    monkeypatch.setattr(module, "model_column", column)
    monkeypatch.setattr(module, "table", plain)
    monkeypatch.setattr(module, "table_parts", parts)
    monkeypatch.setattr(module, "ablation", steps)


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


@pytest.mark.usefixtures("quick_model")
def test_without_a_study_the_published_and_the_model_stand_alone(tmp_path):
    judged = reproduce(tmp_path).claims
    assert all(tuple(claim.answers) == TITLES for claim in judged)
    assert "own study" not in (tmp_path / "reproduce.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("quick_model")
def test_the_same_input_gives_the_same_files(tmp_path):
    reproduce(tmp_path / "a")
    reproduce(tmp_path / "b")
    for one in sorted((tmp_path / "a").rglob("*.*")):
        assert one.read_bytes() == (tmp_path / "b" / one.relative_to(tmp_path / "a")).read_bytes()


@pytest.mark.usefixtures("quick_model")
def test_the_text_names_every_claim_and_verdict(tmp_path):
    judged = reproduce(tmp_path).claims
    text = as_text(judged)
    for claim in judged:
        assert claim.text in text
        assert claim.published in text


@pytest.mark.usefixtures("quick_model")
def test_the_summary_has_the_figures_of_both_readings_by_format(tmp_path):
    found = reproduce(tmp_path)
    assert json.loads((tmp_path / "table.json").read_text()) == found.summary
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
