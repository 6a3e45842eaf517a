from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from leanspike.training import lr_factor


def test_closed_form() -> None:
    at = {0: 0.25, 1: 0.5, 3: 1.0, 4: 1.0, 12: 0.5, 20: 0.0, 25: 0.0}
    for step, expected in at.items():
        assert lr_factor(step, warmup_steps=4, total_steps=20) == pytest.approx(expected, abs=1e-12)


def test_decay_is_torchs_cosine() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=30)
    for step in range(30):
        ours = lr_factor(step, warmup_steps=0, total_steps=30)
        assert ours == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-9)
        optimizer.step()
        cosine.step()


@given(warmup=st.integers(0, 50), decay=st.integers(0, 200))
def test_rises_then_falls_within_bounds(warmup: int, decay: int) -> None:
    total = warmup + decay
    factors = [lr_factor(s, warmup_steps=warmup, total_steps=total) for s in range(total + 1)]
    assert all(0 <= f <= 1 for f in factors)
    assert factors[:warmup] == sorted(factors[:warmup])
    assert factors[warmup:] == sorted(factors[warmup:], reverse=True)
    if total:
        assert max(factors) == 1
        assert factors[0] > 0
    assert factors[-1] == 0
