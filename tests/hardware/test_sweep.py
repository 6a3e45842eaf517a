"""What a sweep file may say, and the points it stands for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanspike.errors import InputError
from leanspike.hardware.sweep import Span, Sweep


@given(st.integers(-5, 5), st.integers(1, 7), st.integers(0, 30))
def test_steps_are_those_of_range(first: int, step: int, length: int) -> None:
    span = Span(**{"from": first, "to": first + length, "step": step})
    assert span.values() == list(range(first, first + length + 1, step))


def test_tenths_reach_one_and_multiples_their_end() -> None:
    assert Span(**{"from": 0.1, "to": 1, "step": 0.1}).values()[-1] == 1
    assert Span(**{"from": 1024, "to": 16384, "times": 2}).values() == [1024 << n for n in range(5)]


@pytest.mark.parametrize(
    ("span", "message"),
    [
        ({"from": 1, "to": 2}, "neither or both"),
        ({"from": 1, "to": 2, "step": 1, "times": 2}, "neither or both"),
        ({"from": 2, "to": 1, "step": 1}, "ascending"),
        ({"from": 0, "to": 1, "times": 2}, "more than 0"),
        ({"from": 0, "to": 1, "step": 0}, "greater than 0"),
        ({"from": 0, "to": 1, "step": 1e-9}, "more than 100000 values"),
        ({"from": 1, "to": 1e12, "times": 1.0000001}, "more than 100000 values"),
        ({"from": 1, "too": 2, "step": 1}, "too"),
    ],
)
def test_a_range_that_is_none_is_refused(span: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Span(**span)


def test_points_are_the_product_in_order() -> None:
    sweep = Sweep(vary={"formats": ["RLE", None], "weight_bits": {"from": 2, "to": 8, "times": 2}})
    assert [tuple(point.values()) for point in sweep.points()] == [
        (f, b) for f in ("RLE", None) for b in (2, 4, 8)
    ]


def test_a_file_says_what_is_wrong_and_where(tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text("vary:\n  levels.buffer.depth: []\n")
    with pytest.raises(InputError, match=r"sweep.yaml.*levels.buffer.depth.*no values"):
        Sweep.load(file)
    file.write_text("varry: {}\n")
    with pytest.raises(InputError, match=r"sweep.yaml.*vary"):
        Sweep.load(file)


def test_too_many_points_are_refused() -> None:
    many = {f"k{n}": list(range(100)) for n in range(3)}
    with pytest.raises(InputError, match="1000000 points"):
        Sweep(vary=many)
