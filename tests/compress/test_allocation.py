from math import prod

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from leanspike.compress import draw_masks
from leanspike.compress.allocation import erk_shares, layer_share

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


@given(st.lists(st.integers(0, 20), min_size=1, max_size=12, unique=True))
def test_lamp_scores_are_shares_of_what_the_layer_keeps(values: list[int]) -> None:
    found = layer_share(torch.tensor(values).float()).tolist()
    for value, share in zip(values, found, strict=True):
        kept = sum(other**2 for other in values if other >= value)
        assert share == pytest.approx(value**2 / kept if kept else 0.0)


def test_lamp_leaves_pruned_and_spared_weights_where_they_are() -> None:
    found = layer_share(torch.tensor([-torch.inf, 3.0, torch.inf, 4.0]))
    assert found.tolist() == [-torch.inf, pytest.approx(9 / 25), torch.inf, 1.0]


def test_lamp_does_not_starve_a_layer_of_small_weights() -> None:
    scores = {"small": 0.001 * torch.rand(1000), "large": torch.rand(1000)}
    kept = {
        scope: float(draw_masks(scores, 0.9, scope=scope)["small"].double().mean())
        for scope in ("global", "lamp")
    }
    assert kept["global"] == 0
    assert kept["lamp"] == pytest.approx(0.1, abs=0.02)
    assert bool(draw_masks(scores, 0.999, scope="lamp")["small"].any())
