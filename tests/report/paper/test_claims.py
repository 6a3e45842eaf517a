from dataclasses import replace

import pytest

from leanspike.report.paper.claims import claims
from leanspike.report.paper.own_column import own_column


def told(judged):
    return {claim.text.split(",")[0].split("(")[0].strip(): claim for claim in judged}


def test_the_published_numbers_bear_out_the_published_claims(published, exact):
    for claim in claims(published, [exact]):
        answer = claim.answers["exact model"]
        assert answer.verdict in ("holds", "not tried")
        if answer.verdict == "holds":
            assert answer.figure == claim.published


def test_the_published_figures_are_those_of_the_text(published, exact):
    judged = told(claims(published, [exact]))
    assert judged["80 % pruning takes more energy than ternary weights"].published == "46 % more"
    assert judged["The zeros that ternary quantization leaves save energy"].published == "42 % less"
    both = "Pruning and quantizing together gives points of the accuracy-energy front"
    assert judged[both].published == "5 of 6"  # PAPER.md: all but ternary alone


@pytest.mark.parametrize(
    ("factor", "verdict"), [(0.5, "does not hold"), (1.0, "holds"), (0.75, "weaker")]
)
def test_a_model_that_disagrees_is_said_to(published, exact, factor, verdict):
    key = ("prune", "RLE", "mean")
    steps = tuple(replace(step, energy=step.energy * factor) for step in exact.lines[key])
    other = replace(exact, lines={**exact.lines, key: steps})
    claim = told(claims(published, [other]))["80 % pruning takes more energy than ternary weights"]
    assert claim.answers["exact model"].verdict == verdict


def test_an_own_study_stands_beside(published, exact, results):
    own = own_column(results)
    judged = told(claims(published, [exact, own], results))
    ternary = judged["Ternary weights cost no accuracy"].answers
    assert "noise" in ternary[own.title].figure
    assert ternary["exact model"].verdict == "not tried"
    encodings = judged["Of the encodings"].answers[own.title]
    assert encodings.figure == "RLE < UBM < UOP < CP"  # of the made-up study: see conftest


def test_a_study_without_points_judges_nothing(published, exact):
    empty = replace(exact, title="own", marks=(), lines={}, dense={}, breakdown={})
    for claim in claims(published, [empty]):
        assert claim.answers["own"].verdict == "not tried"
