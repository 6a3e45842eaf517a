import json
import re
from dataclasses import replace
from importlib import import_module

import pytest

from leanspike.paper import as_markdown, as_text
from leanspike.paper.reproduce import FIGURES, SEMANTICS, reproduce

module = import_module("leanspike.paper.reproduce")


@pytest.fixture
def quick_model(exact, monkeypatch):
    monkeypatch.setattr(
        module, "model_column", lambda semantics: replace(exact, title=f"our model, {semantics}")
    )


@pytest.mark.usefixtures("quick_model")
def test_page_claims_and_figures_are_written(results, tmp_path):
    said = []
    judged = reproduce(tmp_path, studies=[results], say=said.append)
    assert [claim["text"] for claim in json.loads((tmp_path / "claims.json").read_text())] == [
        claim.text for claim in judged
    ]
    assert (tmp_path / "claims.md").read_text() == as_markdown(judged) + "\n"
    for name in FIGURES:
        for suffix in ("png", "pdf", "svg"):
            assert (tmp_path / "figures" / f"{name}.{suffix}").stat().st_size > 1000
    page = (tmp_path / "reproduce.html").read_text(encoding="utf-8")
    assert len(page.encode()) < 5_000_000
    outside = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert all(link.startswith(("#", "data:")) for link in outside)
    assert page.count("data:image/svg+xml") == len(FIGURES) == 6
    assert len(said) == len(SEMANTICS) + 2


@pytest.mark.usefixtures("quick_model")
def test_without_a_study_the_published_and_the_model_stand_alone(tmp_path):
    judged = reproduce(tmp_path)
    assert all(len(claim.answers) == len(SEMANTICS) for claim in judged)
    assert "own study" not in (tmp_path / "reproduce.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("quick_model")
def test_the_same_input_gives_the_same_files(tmp_path):
    reproduce(tmp_path / "a")
    reproduce(tmp_path / "b")
    for one in sorted((tmp_path / "a").rglob("*.*")):
        assert one.read_bytes() == (tmp_path / "b" / one.relative_to(tmp_path / "a")).read_bytes()


@pytest.mark.usefixtures("quick_model")
def test_the_text_names_every_claim_and_verdict(tmp_path):
    judged = reproduce(tmp_path)
    text = as_text(judged)
    for claim in judged:
        assert claim.text in text
        assert claim.published in text
