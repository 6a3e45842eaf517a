import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from leanspike.compress import draw_masks
from leanspike.compress.masks import share_out
from leanspike.errors import InputError

sizes = st.lists(st.integers(1, 60), min_size=1, max_size=5)
fractions = st.floats(0, 0.999)


def random_scores(sizes: list[int], *, seed: int, ties: bool = False) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        str(i): torch.randint(0, 3, (n,), generator=generator).float()
        if ties
        else torch.rand(n, generator=generator)
        for i, n in enumerate(sizes)
    }


@given(
    sizes,
    fractions,
    st.integers(0, 99),
    st.booleans(),
    st.sampled_from(["global", "layerwise", "lamp"]),
)
def test_counts_are_exact(ns: list[int], f: float, seed: int, ties: bool, scope: str) -> None:
    masks = draw_masks(random_scores(ns, seed=seed, ties=ties), f, scope=scope)
    pruned = [int((~masks[str(i)]).sum()) for i in range(len(ns))]
    assert sum(pruned) == round(f * sum(ns))
    if scope == "layerwise":
        assert all(abs(p - f * n) < 1 for p, n in zip(pruned, ns, strict=True))


@given(sizes, fractions, st.integers(0, 99))
def test_global_keeps_the_highest_of_all(ns: list[int], f: float, seed: int) -> None:
    scores = random_scores(ns, seed=seed)
    masks = draw_masks(scores, f)
    everything = torch.cat(list(scores.values()))
    kept = len(everything) - round(f * len(everything))
    highest = torch.zeros(len(everything), dtype=torch.bool)
    highest[torch.topk(everything, kept).indices] = True
    assert torch.equal(torch.cat(list(masks.values())), highest)


def test_global_agrees_with_torch() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 8, 3), nn.Linear(30, 20))
    masks = draw_masks({n: model.get_submodule(n).weight.abs() for n in "01"}, 0.8)
    prune.global_unstructured(
        [(model[0], "weight"), (model[1], "weight")], prune.L1Unstructured, amount=0.8
    )
    for name in "01":
        assert torch.equal(masks[name], model.get_submodule(name).weight_mask.bool())


@given(sizes, st.floats(0, 0.9), st.floats(0, 0.09), st.integers(0, 99))
def test_tightening_keeps_what_was_pruned(ns: list[int], f: float, more: float, seed: int) -> None:
    before = draw_masks(random_scores(ns, seed=seed), f)
    after = draw_masks(random_scores(ns, seed=seed + 1), f + more, before=before)
    for name, mask in after.items():
        assert not (mask & ~before[name]).any()
    assert sum(int((~m).sum()) for m in after.values()) == round((f + more) * sum(ns))


def test_loosening_is_refused() -> None:
    scores = random_scores([10], seed=0)
    before = draw_masks(scores, 0.5)
    with pytest.raises(InputError, match="5 of 10 are pruned already"):
        draw_masks(scores, 0.2, before=before)


@given(st.lists(st.integers(1, 100), min_size=1, max_size=8), st.floats(0, 1))
def test_share_out_adds_up(sizes: list[int], f: float) -> None:
    shares = [f * n for n in sizes]
    counts = share_out(shares, round(f * sum(sizes)))
    assert sum(counts) == round(f * sum(sizes))
    assert all(abs(c - s) < 1 + 1e-9 for c, s in zip(counts, shares, strict=True))
