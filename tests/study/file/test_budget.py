import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanspike.errors import InputError
from leanspike.study.file.study_file import UNITS, parse_budget


@pytest.mark.parametrize(
    ("text", "quantity", "most"),
    [
        ("energy <= 5 mJ", "energy", 5e9),
        ("energy<=0.5uJ", "energy", 5e5),
        ("energy ≤ 1 µJ", "energy", 1e6),
        ("size <= 200 kB", "size", 1.6e6),
        ("size < 1 KiB", "size", 8192),
        ("latency <= 1 ms", "latency", 1e-3),
        (" latency  <=  1e-4 s ", "latency", 1e-4),
    ],
)
def test_quantities_and_units(text, quantity, most):
    budget = parse_budget(text)
    assert budget.quantity == quantity
    assert budget.most == pytest.approx(most)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("energy 5 mJ", "expected a quantity, <=, a number and a unit"),
        ("energy >= 5 mJ", "expected a quantity"),
        ("power <= 5 mW", "'power'.*energy, latency, size"),
        ("energy <= 5 ms", "unit 'ms'.*mJ"),
        ("size <= 200", "expected a quantity"),
        ("energy <= 0 mJ", "more than 0"),
    ],
)
def test_what_is_wrong_is_said(text, said):
    with pytest.raises(InputError, match=said):
        parse_budget(text)


@given(st.sampled_from(sorted(UNITS)), st.floats(1e-6, 1e6), st.data())
def test_units_are_factors(quantity, number, data):
    unit = data.draw(st.sampled_from(sorted(UNITS[quantity])))
    found = parse_budget(f"{quantity} <= {number!r} {unit}")
    assert found.most == pytest.approx(number * UNITS[quantity][unit])
