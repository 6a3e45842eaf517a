from math import prod

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from leanspike.compress import draw_masks
from leanspike.compress.allocation import erk_shares

shapes = st.lists(
    st.one_of(
        st.tuples(st.integers(1, 60), st.integers(1, 60)),
        st.tuples(st.integers(1, 30), st.integers(1, 30), st.just(3), st.just(3)),
    ),
    min_size=1,
    max_size=6,
)


@given(shapes, st.floats(0.01, 0.99))
def test_erk_adds_up_and_is_proportional(given_shapes: list[tuple[int, ...]], f: float) -> None:
    shares = erk_shares(given_shapes, f)
    sizes = [prod(s) for s in given_shapes]
    assert sum(shares) == pytest.approx(f * sum(sizes), rel=1e-9, abs=1e-6)
    assert all(-1e-9 <= s <= n for s, n in zip(shares, sizes, strict=True))
    # Density over sum/prod is one constant among the layers that are not dense.
    ratios = [
        (1 - share / n) / (sum(shape) / n)
        for share, n, shape in zip(shares, sizes, given_shapes, strict=True)
        if share > 1e-6
    ]
    assert ratios == pytest.approx([ratios[0]] * len(ratios)) if ratios else True


def test_erk_masks_are_exact_and_spare_narrow_layers() -> None:
    scores = {
        "conv1": torch.rand(16, 2, 3, 3),
        "conv2": torch.rand(32, 16, 3, 3),
        "dense": torch.rand(128, 512),
    }
    masks = draw_masks(scores, 0.95, scope="erk")
    total = sum(s.numel() for s in scores.values())
    assert sum(int((~m).sum()) for m in masks.values()) == round(0.95 * total)
    sparsity = {k: float((~m).double().mean()) for k, m in masks.items()}
    assert sparsity["conv1"] < sparsity["conv2"] < sparsity["dense"]
