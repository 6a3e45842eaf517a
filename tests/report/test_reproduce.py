import json
from importlib import import_module

import pytest

from leanspike.hardware.reference.published import published_energy
from leanspike.report.claims import claims
from leanspike.report.reproduce import as_markdown, as_text, reproduce

module = import_module("leanspike.report.reproduce")


@pytest.fixture(scope="module")
def published():
    """A model that is exactly the published one."""
    return {
        (row.format, row.statistic, row.prune_fraction, row.weight_bits): row.energy_uj
        for row in published_energy()
        if row.strategy == "joint"
    }


def told(judged):
    return {claim.text.split()[0]: claim for claim in judged}


def test_the_published_energies_bear_out_the_published_claims(published):
    judged = told(claims(published, None))
    pruning = judged["80"]
    assert pruning.published == pruning.model == "1.46 times"
    assert judged["Of"].published == judged["Of"].model
    assert judged["The"].published == judged["The"].model
    assert all(claim.model_holds in (True, None) for claim in judged.values())
    assert all(claim.study_holds is None for claim in judged.values())
    assert judged["Pruning"].published == "5 of 6"  # PAPER.md: all but ternary alone


def test_a_model_that_disagrees_is_said_to(published):
    cheap = {**published, ("RLE", "mean", 0.8, 8): 1.0}
    assert told(claims(cheap, None))["80"].model_holds is False


def test_an_own_study_stands_beside(published, results):
    judged = told(claims(published, results))
    assert judged["Ternary"].study_holds is not None
    assert "noise" in judged["Ternary"].study
    # of the made-up study: see conftest
    assert judged["Of"].study == "RLE < UBM < UOP < CP"
    assert judged["The"].study == "1.80 times"


def test_claims_and_figures_are_written(published, results, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "paper_energies", lambda settings, **_: published)
    judged = reproduce(tmp_path, study=results)
    assert len(json.loads((tmp_path / "claims.json").read_text())) == len(judged)
    assert (tmp_path / "claims.md").read_text() == as_markdown(judged) + "\n"
    for name in ("overview", "encodings", "activity", "sparsity"):
        for suffix in ("png", "pdf", "svg"):
            assert (tmp_path / "figures" / f"{name}.{suffix}").stat().st_size > 1000
    assert "holds" in as_text(judged)


def test_every_published_setting_that_a_claim_needs_is_priced(published):
    for quick in (True, False):
        settings = module._settings(quick=quick)
        assert len(settings) == len(set(settings))
        claims({setting: published[setting] for setting in settings}, None)
