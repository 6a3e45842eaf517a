import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanspike.errors import InputError
from leanspike.hardware.architecture.components.figure import (
    between_nodes,
    node_of,
    power_law,
    table,
)
from leanspike.hardware.architecture.components.sram import sram_access, sram_area, sram_leakage


def test_tabulated_arrays_are_taken_as_they_are() -> None:
    for row in table("sram"):
        place = (int(row["node_nm"]), int(row["depth"]), int(row["width"]))
        assert sram_access(*place).value == float(row["read_pJ"])
        assert sram_access(*place).how == ""
        if row["write_pJ"]:
            assert sram_access(*place, write=True).value == float(row["write_pJ"])


def test_the_interpolation_rule_meets_the_arrays_it_was_not_made_of() -> None:
    # The claim in the module's docstring: within 17 % of every array of another width.
    others = [row for row in table("sram") if row["width"] != "64"]
    assert len(others) == 10
    for row in others:
        # One row more than tabulated, so that the rule and not the table answers.
        near = sram_access(int(row["node_nm"]), int(row["depth"]) + 1, int(row["width"]))
        assert near.how
        assert near.value == pytest.approx(float(row["read_pJ"]), rel=0.19)


@given(st.integers(16, 100_000), st.integers(1, 256), st.integers(15, 67))
def test_deeper_wider_and_older_costs_more(depth: int, width: int, node: int) -> None:
    # Beside the tabulated arrays the rule and the table may differ; hold the rule alone to it.
    figure = sram_access(node, depth + 1, width)
    if figure.how and sram_access(node, 2 * depth + 2, width).how:
        assert sram_access(node, 2 * depth + 2, width).value > figure.value
    assert sram_area(node, depth * width).value > 0
    assert sram_leakage(node, 2 * depth).value == pytest.approx(2 * sram_leakage(node, depth).value)


def test_100_kb_area_and_leakage_are_cactis() -> None:
    assert sram_area(45, 819200).value == pytest.approx(349_000)
    assert sram_leakage(22, 819200).value == pytest.approx(14.9)


def test_nodes_far_from_the_figures_are_refused() -> None:
    with pytest.raises(InputError, match="no figures for 7 nm; they reach from 22 to 45 nm"):
        sram_access(7, 1024, 64)
    assert "extrapolated to 65 nm" in sram_access(65, 1024, 64).how
    assert "interpolated to 28 nm" in sram_access(28, 1024, 64).how
    with pytest.raises(InputError, match="technology: found '45um'"):
        node_of("45um")
    assert node_of("45nm") == 45


@given(st.floats(1, 100), st.floats(1.5, 4), st.floats(0.5, 300))
def test_power_law_is_exact_on_a_power_law(first: float, power: float, at: float) -> None:
    points = {x: first * x**power for x in (1.0, 7.0, 90.0)}
    assert power_law(points, at) == pytest.approx(first * at**power, rel=1e-6)
    assert between_nodes(points, 7) == (points[7.0], "")
