from math import prod

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from leanspike.compress import allocation, draw_masks
from leanspike.compress.allocation import count_lowest, erk_shares, lamp_shares

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


@given(st.lists(st.integers(0, 20), min_size=1, max_size=12))
def test_lamp_shares_are_of_what_the_layer_keeps(values: list[int]) -> None:
    values.sort()
    found = lamp_shares(np.float32(values)).tolist()
    for i, (value, share) in enumerate(zip(values, found, strict=True)):
        kept = sum(other**2 for other in values[i:])
        assert share == pytest.approx(value**2 / kept if kept else 0.0)


def test_lamp_shares_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.sort(np.random.default_rng(0).random(100, np.float32))
    whole = lamp_shares(values)
    monkeypatch.setattr(allocation, "_BLOCK", 7)
    assert np.allclose(lamp_shares(values), whole, rtol=1e-12)


def test_lamp_leaves_pruned_and_spared_weights_where_they_are() -> None:
    found = lamp_shares(np.float32([-np.inf, 3, 4, np.inf])).tolist()
    assert found == [-np.inf, pytest.approx(9 / 25), 1.0, np.inf]


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=5),
    st.floats(0, 0.99),
    st.integers(0, 99),
    st.booleans(),
)
def test_lamp_masks_by_the_definition(ns: list[int], f: float, seed: int, channels: bool) -> None:
    """One weight after another, the one with the least share of what its layer still has."""
    rng = np.random.default_rng(seed)
    layers = [rng.random(n, np.float32) for n in ns]
    pruned = round(f * sum(ns))
    if channels and pruned > sum(ns) - len(ns):
        pruned, f = sum(ns) - len(ns), (sum(ns) - len(ns)) / sum(ns)
    left = [set(range(n)) for n in ns]
    for _ in range(pruned):
        shares = {
            (float(w[i]) ** 2 / sum(float(w[j]) ** 2 for j in kept), k): i
            for k, (w, kept) in enumerate(zip(layers, left, strict=True))
            if len(kept) > channels
            for i in [min(kept, key=lambda i: w[i])]
        }
        (_, k), i = min(shares.items())
        left[k].remove(i)
    scores = {str(k): torch.from_numpy(w) for k, w in enumerate(layers)}
    if channels:
        # One weight a channel, scaled as channels are: a layer's share does not change by that.
        scores = {name: score[:, None] for name, score in scores.items()}
    masks = draw_masks(scores, f, scope="lamp", structure="channel" if channels else "element")
    for k, mask in enumerate(masks.values()):
        assert set(mask.flatten().nonzero().flatten().tolist()) == left[k]


@given(
    st.lists(
        st.lists(st.floats(-3, 3, width=32) | st.just(-np.inf), max_size=9), min_size=1, max_size=4
    ),
    st.data(),
)
def test_lowest_of_all_by_sorting(layers: list[list[float]], data: st.DataObject) -> None:
    total = data.draw(st.integers(0, sum(map(len, layers))))
    every = sorted((value, k) for k, layer in enumerate(layers) for value in layer)
    expected = [sum(k == i for _, k in every[:total]) for i in range(len(layers))]
    keys = [np.sort(np.array(layer, np.float64)) for layer in layers]
    assert count_lowest(keys, total) == expected


def test_erk_shares_of_channels_follow_the_weights() -> None:
    scores = {"conv": torch.rand(16, 2, 3, 3), "dense": torch.rand(128, 512)}
    masks = draw_masks(scores, 0.7, scope="erk", structure="channel")
    gone = {name: int((~mask.flatten(1).any(1)).sum()) for name, mask in masks.items()}
    assert sum(gone.values()) == round(0.7 * 144)
    assert gone["conv"] == 0
    assert gone["dense"] == 101


def test_lamp_does_not_starve_a_layer_of_small_weights() -> None:
    scores = {"small": 0.001 * torch.rand(1000), "large": torch.rand(1000)}
    kept = {
        scope: float(draw_masks(scores, 0.9, scope=scope)["small"].double().mean())
        for scope in ("global", "lamp")
    }
    assert kept["global"] == 0
    assert kept["lamp"] == pytest.approx(0.1, abs=0.02)
    assert bool(draw_masks(scores, 0.999, scope="lamp")["small"].any())
