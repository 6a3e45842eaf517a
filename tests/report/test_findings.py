from dataclasses import replace

import pytest

from leanspike.report.findings import findings
from leanspike.study import Point, PointResult, StudyFile
from leanspike.study.point_result import Cost, LayerWeights
from leanspike.study.results import Results

READINGS = [("RLE", "mean", None), ("CP", "mean", None), ("RLE", "max", None),
            ("RLE", "mean", "membrane_state")]  # fmt: skip


def point(strategy, bits, sparsity, *, right, energy, flipped=None, seed=0):
    costs = tuple(
        Cost("a", format_, statistic, switch,
             energy * (2 if format_ == "CP" else 1) * (3 if statistic == "max" else 1)
             if switch is None else (flipped or energy), 1, 1, 1, ())
        for format_, statistic, switch in READINGS
    )  # fmt: skip
    layer = LayerWeights("conv1", 8000, bits or 8, sparsity)
    marks = tuple(i < right for i in range(1000))
    return PointResult(Point(strategy, bits, sparsity, seed), marks, 0.9, (layer,), {}, costs, {})


def study(*points, planned=None):
    hardware = {"architectures": ["a"], "formats": ["RLE", "CP"], "statistics": ["mean", "max"]}
    file = StudyFile(hardware=hardware).plain()
    return Results("x.db", file, {}, {}, points, planned or len(points), ())


FLOAT = point("float", None, 0.0, right=950, energy=20e6)
TERNARY = point("quantize", 2, 0.0, right=949, energy=10e6)
EIGHT = point("quantize", 8, 0.0, right=951, energy=20e6)
PRUNED = point("prune", None, 0.8, right=950, energy=14.5e6, flipped=9e6)
BROKEN = point("joint", 2, 0.95, right=600, energy=5e6)


def told(results):
    return {finding.title: finding.text for finding in findings(results)}


def test_ships_the_least_energy_among_what_loses_nothing():
    text = told(study(FLOAT, TERNARY, EIGHT, PRUNED, BROKEN))["What to ship"]
    assert text.startswith("quantize (2-bit weights): 94.90 % right at 10 µJ")
    assert "50 % less energy" in text
    assert "0.10 points below, within the noise" in text


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
