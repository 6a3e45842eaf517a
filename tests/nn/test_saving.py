import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from leanspike.nn import NetworkConfig, build_network
from leanspike.nn.saving import as_bits, pack_bits, unpack_bits

CONFIG = NetworkConfig("tcja", (2, 32, 34), classes=2, T=3, channels=4, dropout=0.3)


@pytest.mark.parametrize(
    "changes", [{"keep": "bits"}, {"keep": "inputs"}, {"store_membrane": True}]
)
@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_whatever_is_kept_the_step_is_the_same(changes, backend):
    plain = dataclasses.replace(CONFIG, backend=backend)
    nets = [build_network(c, seed=0) for c in (plain, dataclasses.replace(plain, **changes))]
    x = 20 * torch.rand(3, 2, 2, 32, 34)
    for net in nets:
        torch.manual_seed(0)
        (net(x) - 0.3).square().sum().backward()
    for p, q in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad)
    for name, value in nets[0].state_dict().items():
        assert torch.equal(value, nets[1].state_dict()[name]), name


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 99))
def test_bits_come_back_in_shape_and_layout(shape, seed):
    generator = torch.Generator().manual_seed(seed)
    x = (torch.rand(shape, generator=generator) > 0.5).float()
    axes = torch.randperm(len(shape), generator=generator).tolist()
    x = x.permute(axes)
    packed = pack_bits(x)
    back = unpack_bits(packed)
    assert packed.bits.nbytes == -(-x.numel() // 8)
    assert torch.equal(back, x)
    wide = [axis for axis in range(x.dim()) if x.shape[axis] > 1]
    assert [back.stride(axis) for axis in wide] == [x.stride(axis) for axis in wide]


def test_only_spikes_are_packed():
    spikes = torch.tensor([0.0, 1.0], requires_grad=True)
    assert isinstance(as_bits(spikes), torch.autograd.graph.saved_tensors_hooks)
    for other in (torch.tensor([0.0, 2.0]), torch.tensor([0.0, torch.nan])):
        assert not isinstance(as_bits(other), torch.autograd.graph.saved_tensors_hooks)


def test_packed_tensors_give_the_same_gradient():
    x = torch.tensor([0.0, 1.0, 1.0], requires_grad=True)
    with as_bits(x):
        y = x.square()
    y.sum().backward()
    assert x.grad.tolist() == [0, 2, 2]
