from dataclasses import replace

import pytest
from made_up import BROKEN, EIGHT, FLOAT, PRUNED, TERNARY, point, study

from leanspike.report.findings import findings, shipping
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


def test_what_does_not_work_is_never_shipped():
    # Ten classes: 105 of 1,000 right is what guessing gives, and no less than the float network.
    floats = point("float", None, 0.0, right=110, energy=20e6)
    nothing = shipping(study(floats, point("quantize", 2, 0.0, right=105, energy=1e6)))
    assert nothing.setting is None
    assert "does not work" in nothing.headline
    assert "at chance (11.0 % right, guessing 10.0 %)" in nothing.reasons[0]
    # Beside a float network that just works, one that cannot be told from it nor from guessing.
    floats = point("float", None, 0.0, right=130, energy=20e6)
    chance = point("quantize", 2, 0.0, right=115, energy=1e6)
    works = point("quantize", 8, 0.0, right=128, energy=10e6)
    answer = shipping(study(floats, chance, works))
    assert answer.setting == "quantize 8b"
    sure = findings(study(floats, chance, works))[-1]
    assert "never recommended: quantize (2-bit weights) (at chance (11.5 %" in sure.text


def test_a_searched_setting_is_described_layer_by_layer():
    layers = (LayerChoice("conv1", 3, 0.5), LayerChoice("dense1", 2, 0.9))
    found = point("search", None, 0.85, right=950, energy=5e6)
    found = replace(found, point=Point("search", None, 0.85, 0, layers, number=3))
    answer = shipping(study(FLOAT, TERNARY, found))
    assert answer.setting == "search 3"
    assert "conv1 3 b 50 %; dense1 2 b 90 %" in answer.headline


def test_a_strategy_of_ones_own_may_be_shipped_and_is_drawn():
    from leanspike.report.view import view

    mine = point("mine", 2, 0.5, right=950, energy=4e6)
    found = study(FLOAT, TERNARY, mine)
    assert shipping(found).setting == mine.point.setting
    assert [setting["strategy"] for setting in view(found)["settings"]][-1] == "own"
