from dataclasses import replace

import numpy as np
import pytest

from leanspike.paper.claims import claims
from leanspike.paper.columns import own_studies
from leanspike.study import MainReading


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
    (own,) = own_studies([results])
    judged = told(claims(published, [exact], [own]))
    title = own.column.title
    ternary = judged["Ternary weights cost no accuracy"].answers
    assert "noise" in ternary[title].figure
    assert ternary["exact model"].verdict == "not tried"
    encodings = judged["Of the encodings"].answers[title]
    # of the made-up study: see conftest
    assert encodings.figure == "RLE < UBM < UOP < CP (so in 3 of 3 seeds)"


def test_the_spread_over_seeds_is_that_of_the_single_seeds(published, results):
    (own,) = own_studies([results])
    text = "80 % pruning takes more energy than ternary weights"
    ratios = []
    main = MainReading.of(results)
    for seed in (0, 1, 2):
        energy = {
            r.point.setting: main.cost(r).energy_pj for r in results.priced if r.point.seed == seed
        }
        ratios.append(energy["prune 80%"] / energy["quantize 2b"])
    answer = told(claims(published, [], [own]))[text].answers[own.column.title]
    assert answer.figure.endswith(f"(± {100 * np.std(ratios, ddof=1):.1f})")


def test_studies_of_the_same_data_keep_their_own_answers(published, results):
    few = replace(results, points=tuple(p for p in results.points if p.point.seed == 0))
    studies = own_studies([results, results, few])
    titles = [study.column.title for study in studies]
    assert titles[1] == titles[0] + " (2)"
    assert len(set(titles)) == 3
    for claim in claims(published, [], studies):
        assert list(claim.answers) == titles


def test_a_study_without_points_judges_nothing(published, exact):
    empty = replace(exact, title="own", marks=(), lines={}, dense={}, breakdown={})
    for claim in claims(published, [empty]):
        assert claim.answers["own"].verdict == "not tried"
