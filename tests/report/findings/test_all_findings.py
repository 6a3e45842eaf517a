from dataclasses import replace

import pytest
from made_up import BROKEN, EIGHT, FLOAT, PRUNED, TERNARY, study

from leanspike.report.findings import findings
from leanspike.study.records import LayerPrice


def told(results):
    return {finding.title: finding.text for finding in findings(results)}


def test_a_loss_beyond_noise_is_said_to_be_one():
    text = told(study(FLOAT, EIGHT, BROKEN))["Both together"]
    assert "gives up accuracy" in text


def test_pruning_against_quantization_gives_the_published_kind_of_claim():
    text = told(study(FLOAT, TERNARY, EIGHT, PRUNED))["Pruning against quantization"]
    assert "prune (80 % pruned) takes 45 % more energy than quantize (2-bit weights)" in text


def test_an_assumption_that_turns_the_comparison_is_named():
    text = told(study(FLOAT, TERNARY, EIGHT, PRUNED))["Modelling assumptions"]
    assert "membrane_state turns the comparison" in text
    assert "from 1.45 to 0.90" in text
    steady = replace(PRUNED, costs=TERNARY.costs)
    assert "None of the model's" in told(study(FLOAT, TERNARY, EIGHT, steady))[
        "Modelling assumptions"
    ]  # fmt: skip


def test_encodings_and_statistics_are_compared():
    said = told(study(FLOAT, TERNARY))
    assert "RLE takes the least energy and CP the most, 100 % more" in said["Encodings"]
    assert "3.00 to 3.00 times" in said["Mean and maximum activity"]


def test_layers_of_zeros_are_named():
    assert "Peculiar layers" not in told(study(FLOAT, TERNARY))
    empty = LayerPrice("conv3", 1.0, 1, 0, {}, notes=("all weights are zero: nothing moves",))
    bare = replace(TERNARY, costs=tuple(replace(c, layers=(empty,)) for c in TERNARY.costs))
    text = told(study(FLOAT, bare))["Peculiar layers"]
    assert text == "conv3, in 1 of 2 points: all weights are zero: nothing moves."


def test_one_seed_and_missing_points_are_admitted():
    text = told(study(FLOAT, TERNARY, planned=9))["How sure this is"]
    assert "one recording is 0.10 points; 1 seed." in text
    assert "spread between trainings is unknown" in text
    assert "7 of 9 points are not done" in text


@pytest.mark.parametrize("points", [(), (FLOAT,), (TERNARY,), (PRUNED, EIGHT), (FLOAT, BROKEN)])
def test_nothing_is_said_of_what_was_not_tried(points):
    for finding in findings(study(*points)):
        assert finding.text
        assert "nan" not in finding.text
        assert "inf" not in finding.text.replace("inference", "")
