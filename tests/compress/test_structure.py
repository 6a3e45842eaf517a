import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from leanspike.compress import draw_masks
from leanspike.compress.masks import draw_n_of_m, parse_structure
from leanspike.errors import InputError


@given(st.integers(1, 7), st.integers(1, 8), st.integers(1, 9), st.integers(0, 50))
def test_every_group_keeps_its_best(n: int, more: int, outputs: int, seed: int) -> None:
    m = n + more
    score = torch.rand(outputs, 3 * m, generator=torch.Generator().manual_seed(seed))
    mask = draw_n_of_m(score, n, m)
    for row, kept in zip(score.tolist(), mask.tolist(), strict=True):
        for first in range(0, 3 * m, m):
            best = sorted(row[first : first + m])[-n:]
            stay = [v for v, k in zip(row, kept, strict=True) if k and v in row[first : first + m]]
            assert sorted(stay) == best


def test_groups_run_along_input_channels() -> None:
    score = torch.rand(2, 8, 3, 3)
    kept = draw_n_of_m(score, 2, 4)
    assert torch.equal(kept[:, :4].sum(1), torch.full((2, 3, 3), 2))
    assert torch.equal(kept[:, 4:].sum(1), torch.full((2, 3, 3), 2))


def test_short_last_group_keeps_its_share() -> None:
    assert draw_n_of_m(torch.rand(1, 6), 1, 4).sum() == 2
    assert draw_n_of_m(torch.rand(1, 7), 2, 4).sum() == 4


def test_masks_by_n_of_m() -> None:
    masks = draw_masks({"a": torch.rand(4, 8), "b": torch.rand(4, 16, 3)}, 0.75, structure="1:4")
    assert [float((~mask).double().mean()) for mask in masks.values()] == [0.75, 0.75]


@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=4),
    st.floats(0, 0.99),
    st.sampled_from(["global", "layerwise", "erk", "lamp"]),
    st.integers(0, 50),
)
def test_whole_channels(channels: list[int], f: float, scope: str, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    scores = {str(i): torch.rand(c, 3, 2, generator=generator) for i, c in enumerate(channels)}
    pruned, most = round(f * sum(channels)), sum(channels) - len(channels)
    if pruned > most:
        with pytest.raises(InputError, match=f"{pruned} of {sum(channels)} channels"):
            draw_masks(scores, f, scope=scope, structure="channel")
        f = most / sum(channels)
        pruned = most
    masks = draw_masks(scores, f, scope=scope, structure="channel")
    for mask in masks.values():
        flat = mask.flatten(1)
        assert torch.equal(flat.all(1), flat.any(1))
    gone = [int((~m.flatten(1).any(1)).sum()) for m in masks.values()]
    assert sum(gone) == pruned
    assert all(g < c for g, c in zip(gone, channels, strict=True))
    for score, mask in zip(scores.values(), masks.values(), strict=True):
        mean, kept = score.mean((1, 2)), mask[:, 0, 0]
        assert not (~kept).any() or mean[~kept].max() < mean[kept].min()


@pytest.mark.parametrize("scope", ["global", "layerwise", "erk", "lamp"])
def test_a_layer_keeps_a_channel_though_all_are_low(scope: str) -> None:
    scores = {"low": torch.full((2, 4), 1e-6), "wide": torch.rand(30, 4) + 1}
    masks = draw_masks(scores, 30 / 32, scope=scope, structure="channel")
    assert [int(mask.any(1).sum()) for mask in masks.values()] == [1, 1]


def test_channels_after_single_weights() -> None:
    score = torch.tensor([[1.0, 9.0], [2.0, 2.0], [3.0, 3.0]])
    before = {"a": torch.tensor([[False, True], [True, True], [True, True]])}
    # Channel 0 lost a weight and is still worth (0 + 9) / 2, the most.
    mask = draw_masks({"a": score}, 1 / 3, structure="channel", before=before)["a"]
    assert mask.tolist() == [[False, True], [False, False], [True, True]]


def test_scores_that_are_nan() -> None:
    with pytest.raises(InputError, match="layer 'a': a score is NaN"):
        draw_masks({"a": torch.tensor([1.0, torch.nan])}, 0.5)


def test_lowest_channels_go() -> None:
    score = torch.tensor([3.0, 1.0, 2.0, 4.0]).reshape(4, 1).expand(4, 5)
    mask = draw_masks({"a": score}, 0.5, structure="channel")["a"]
    assert mask.any(1).tolist() == [True, False, False, True]


def test_structure_tightens_too() -> None:
    score = torch.rand(8, 5)
    once = draw_masks({"a": score}, 0.25, structure="channel")
    twice = draw_masks({"a": 1 - score}, 0.5, structure="channel", before=once)
    assert not (twice["a"] & ~once["a"]).any()
    assert float((~twice["a"]).double().mean()) == 0.5


@pytest.mark.parametrize("structure", ["4:4", "0:4", "2x4", "row", "5:2", ""])
def test_bad_structures(structure: str) -> None:
    with pytest.raises(InputError, match="structure"):
        parse_structure(structure)
