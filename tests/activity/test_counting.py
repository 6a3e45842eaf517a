import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from leanspike.activity.counting import count

LAYOUTS = ("contiguous", "channels_last", "transposed", "expanded")
KINDS = ("spikes", "none", "counts", "signed", "real", "nan")


def made(kind, shape, seed):
    spikes = (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < 0.4).float()
    return {
        "spikes": spikes,
        "none": torch.zeros(shape),
        "counts": spikes * 5,
        "signed": -spikes,
        "real": spikes * 0.3,
        "nan": torch.where(spikes > 0, math.nan, 0.0),
    }[kind]


def laid(values, layout):
    if layout == "channels_last":
        return values.to(memory_format=torch.channels_last)
    if layout == "transposed":
        return values.transpose(2, 3).contiguous().transpose(2, 3)
    if layout == "expanded":
        return values[:, :1].expand(-1, values.shape[1], -1, -1)
    return values


@given(
    kind=st.sampled_from(KINDS),
    layout=st.sampled_from(LAYOUTS),
    shape=st.tuples(*[st.integers(1, 4)] * 4),
    leading=st.integers(1, 2),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.bfloat16]),
    seed=st.integers(0, 5),
)
def test_counts_are_torchs_whatever_the_layout(kind, layout, shape, leading, dtype, seed):
    values = laid(made(kind, shape, seed).to(dtype), layout)
    entries = math.prod(shape[:leading])
    flat = values.reshape(entries, -1)
    counts = count(values, entries)
    assert torch.equal(counts.by_entry, flat.count_nonzero(dim=1))
    assert torch.equal(counts.by_value, flat.count_nonzero(dim=0))
    if bool(((flat >= 0) & (flat == flat.round())).all()):
        assert counts.largest == flat.max()
    else:
        assert counts.largest is None


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64])
def test_whole_types_are_counted_too(dtype):
    values = torch.tensor([[0, 1, 1], [0, 0, 1]]).to(dtype)
    counts = count(values, 2)
    assert counts.by_entry.tolist() == [2, 1]
    assert counts.by_value.tolist() == [0, 1, 2]
    assert counts.largest == 1


def test_negative_and_infinite_values_are_no_counts():
    assert count(torch.tensor([[-1, 2]]), 1).largest is None
    assert count(torch.tensor([[math.inf, 2.0]]), 1).largest is None


def test_nothing_is_counted_as_nothing():
    counts = count(torch.empty(3, 0), 3)
    assert counts.by_entry.tolist() == [0, 0, 0]
    assert counts.by_value.tolist() == []
