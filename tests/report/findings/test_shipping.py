from dataclasses import replace

import pytest
from made_up import BROKEN, EIGHT, FLOAT, PRUNED, TERNARY, point, study

from leanspike.report.findings import shipping
from leanspike.study import Point
from leanspike.study.plan.points import LayerChoice


def test_ships_the_least_energy_among_what_loses_nothing():
    answer = shipping(study(FLOAT, TERNARY, EIGHT, PRUNED, BROKEN))
    assert answer.setting == "quantize 2b"
    assert answer.headline == "Ship ternary (2-bit) weights, nothing pruned."
    numbers = dict(answer.numbers)
    assert numbers["test accuracy"] == "94.90 %"
    assert numbers["energy per inference"] == "10 µJ"
    assert numbers["less energy"] == "50 %"
    assert "0.10 points below, within the noise" in answer.reasons[0]


def test_what_the_test_cannot_rule_out_and_the_safer_choice_are_said():
    answer = shipping(study(FLOAT, TERNARY, EIGHT, PRUNED))
    # One recording of 1,000 differs: 0.1 points below, and two standard errors of 0.1 on top.
    assert "true loss of up to 0.3 points" in answer.reasons[1]
    assert "take prune (80 % pruned) instead" in answer.reasons[1]
    assert "45 % more energy" in answer.reasons[1]


def test_where_every_setting_loses_nothing_is_shipped():
    answer = shipping(study(FLOAT, BROKEN))
    assert answer.setting is None
    assert answer.headline.startswith("Nothing tried keeps")
    assert dict(answer.numbers)["closest"] == "60.00 %"


@pytest.mark.parametrize("points", [(), (FLOAT,), (TERNARY, EIGHT)])
def test_nothing_is_said_without_something_to_compare(points):
    assert shipping(study(*points)) is None


def test_a_searched_setting_is_described_layer_by_layer():
    layers = (LayerChoice("conv1", 3, 0.5), LayerChoice("dense1", 2, 0.9))
    found = point("search", None, 0.85, right=950, energy=5e6)
    found = replace(found, point=Point("search", None, 0.85, 0, layers, number=3))
    answer = shipping(study(FLOAT, TERNARY, found))
    assert answer.setting == "search 3"
    assert "conv1 3 b 50 %; dense1 2 b 90 %" in answer.headline
