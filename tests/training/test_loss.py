from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from leanspike.training import rate_loss


@given(
    st.lists(st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4), min_size=1, max_size=5),
    st.integers(0, 3),
)
def test_value_and_gradient_are_the_closed_form(rates: list[list[float]], label: int) -> None:
    x = torch.tensor(rates, requires_grad=True)
    labels = torch.full((len(rates),), label)
    loss = rate_loss(x, labels)
    loss.backward()
    difference = np.array(rates) - np.eye(4)[label]
    assert loss.item() == pytest.approx((difference**2).mean(), rel=1e-5, abs=1e-7)
    assert x.grad is not None
    np.testing.assert_allclose(x.grad, 2 * difference / difference.size, rtol=1e-5, atol=1e-7)


def test_low_precision_rates_are_summed_in_float32() -> None:
    loss = rate_loss(torch.full((7, 11), 0.1, dtype=torch.bfloat16), torch.arange(7))
    assert loss.dtype == torch.float32
