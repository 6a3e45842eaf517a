from dataclasses import replace

import pytest
from made_up import FLOAT, PRUNED, TERNARY, point, results

from leanspike.report.findings import findings
from leanspike.study import Point, StudyFile
from leanspike.study.file.study_file import SearchSection
from leanspike.study.plan.points import LayerChoice


def searched(number, *, right, energy):
    made = point("search", None, 0.5, right=right, energy=energy)
    layers = (LayerChoice("conv1", 2, 0.5),)
    return replace(made, point=Point("search", None, 0.5, 0, layers, number=number))


def told(*points, budget=()):
    hardware = {"architectures": ["a"], "formats": ["RLE", "CP"], "statistics": ["mean", "max"]}
    file = StudyFile(hardware=hardware, search=SearchSection(budget=budget))
    return {found.title: found.text for found in findings(results(file, points))}


def test_the_area_is_compared_with_the_grid():
    # From accuracy 0.85 and 20 uJ: the grid's ternary covers 0.099 x 10, its pruned adds
    # 0.001 x 5.5; the search covers 0.1 x 12.
    found = searched(0, right=950, energy=8e6)
    text = told(FLOAT, TERNARY, PRUNED, found)["Search layer by layer"]
    ratio = (0.1 * 12) / (0.099 * 10 + 0.001 * 5.5)
    assert f"covers {ratio:.2f} times the area" in text
    assert "search 0 (conv1 2 b 50 %" in text
    assert "takes 20 % less energy" in text


def test_the_budget_is_named():
    text = told(FLOAT, searched(0, right=950, energy=8e6), budget=("energy <= 5 mJ",))
    assert "under energy <= 5 mJ" in text["Search layer by layer"]


@pytest.mark.parametrize("points", [(FLOAT, TERNARY), (TERNARY,)])
def test_nothing_is_said_without_a_search(points):
    assert "Search layer by layer" not in told(*points)
