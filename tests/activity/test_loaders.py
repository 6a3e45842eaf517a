"""Loaders of (x, y) give what the same inputs give when the layout is said."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from leanspike.activity import Activity, measure, profile
from leanspike.errors import InputError
from leanspike.hardware.explain import explain_switches
from leanspike.hardware.price import price
from leanspike.nn import NetworkConfig, adapt, build_network
from made_up_networks import Leaky, Stepwise

T, S, F, K = 5, 12, 6, 3
LABELS = torch.arange(S) % K


class BatchFirst(nn.Module):
    """[N, T, F] to a tuple of what came out at every step, and of a state."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Stepwise(F, K)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        out = torch.stack([self.inner(step) for step in x.unbind(1)], 1)
        return out, x.new_zeros(7, 7)


class Static(nn.Module):
    """Makes three steps of an image by itself."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.fc = nn.Conv2d(1, 2, 3), nn.Linear(32, K)
        self.leaky = Leaky()

    def forward(self, x: Tensor) -> Tensor:
        self.leaky.reset()
        spikes = [self.leaky(self.conv(x)).flatten(1) for _ in range(3)]
        return self.fc(torch.stack(spikes)).mean(0)


def spikes(*shape: int) -> Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(1)) < 0.3).float()


def loader(x: Tensor, size: int = 8) -> DataLoader:
    return DataLoader(TensorDataset(x, LABELS), batch_size=size)


def same(one: Activity, two: Activity) -> None:
    assert one.samples == two.samples
    for a, b in zip(one.layers, two.layers, strict=True):
        assert a.layer == b.layer
        assert a.operations == b.operations
        np.testing.assert_array_equal(a.input_densities, b.input_densities)


@pytest.mark.parametrize("first", ["N", "T"])
def test_the_number_of_labels_tells_the_samples(first: str) -> None:
    x = spikes(S, T, F)
    batches = loader(x)
    if first == "T":
        batches = [(x.transpose(0, 1), y) for x, y in batches]
    wanted = profile(Stepwise(F, K), [x.transpose(0, 1)], step_by_step=True)
    assert wanted.layers[0].layer.T == T
    same(profile(Stepwise(F, K), batches), wanted)
    same(profile(BatchFirst(), batches), profile(BatchFirst(), [x], time_axis=1))


def test_our_networks_and_adapted_ones_take_loaders() -> None:
    x = spikes(S, T, 2, 8, 8)
    net = build_network(NetworkConfig(shape=(2, 8, 8), channels=4, classes=K, T=T), seed=0)
    wanted = profile(net, [x.transpose(0, 1)])
    same(profile(net, loader(x)), wanted)
    same(profile(net, [(x.numpy().astype(np.uint8), LABELS.tolist())], time_axis=1), wanted)
    flat = spikes(S, T, F)
    foreign = adapt(Stepwise(F, K), flat.transpose(0, 1), classes=K)
    same(profile(foreign, loader(flat)), profile(Stepwise(F, K), loader(flat)))


def test_images_without_time_for_networks_that_make_their_own_steps() -> None:
    x = spikes(S, 1, 6, 6)
    same(profile(Static(), loader(x)), profile(Static(), [x], time_axis=None))


def test_the_model_is_left_in_its_mode() -> None:
    net = nn.Sequential(nn.Linear(F, 4), nn.Dropout(), nn.Linear(4, K)).train()
    profile(net, loader(spikes(S, T, F)))
    assert all(module.training for module in net.modules())


def test_what_was_measured_is_priced_as_it_is() -> None:
    activity = profile(Stepwise(F, K), loader(spikes(S, T, F)))
    cost, again = (price(each, "eyeriss_snn") for each in (activity, activity.workload))
    assert cost.energy_pj == again.energy_pj > 0
    flips, again = (explain_switches(each, "eyeriss_snn") for each in (activity, activity.workload))
    assert flips == again


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([(spikes(T, 4, F), torch.arange(3))], r"shape \[5, 4, 6\] and 3 labels"),
        ([(spikes(4, 4, F), torch.arange(4))], "the samples may be either axis"),
        ([(spikes(T, F), 1)], "a single recording"),
        (TensorDataset(spikes(S, T, F), LABELS), "a single recording"),
        ([(spikes(4, F), torch.arange(4))], "has no time steps, and the network makes none"),
        ([(spikes(4, 0, F), torch.arange(4))], "is empty"),
        ([(spikes(4), torch.arange(4))], "too few axes"),
        ([(np.zeros(4, [("t", int)]), torch.arange(4))], "expected a tensor or a pair"),
        ([{"x": spikes(4, T, F)}], "expected a tensor or a pair"),
        ([(spikes(4, T, F + 1), torch.arange(4))], "no way of calling it gives scores"),
    ],
)
def test_what_a_loader_may_get_wrong(batches: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        measure(Stepwise(F, K), batches)  # type: ignore[arg-type]


def test_labels_contradict_the_axis_that_is_given() -> None:
    with pytest.raises(InputError, match=r"time_axis=0 .* has 5 samples, .* 8 labels"):
        measure(BatchFirst(), loader(spikes(S, T, F)), time_axis=0)


def test_things_without_a_workload_have_no_price() -> None:
    for thing in (Stepwise(F, K), [1], None):
        with pytest.raises(InputError, match=f"found a {type(thing).__name__}, expected a Work"):
            price(thing, "eyeriss_snn")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="found a Stepwise, expected an Architecture"):
        price("published", Stepwise(F, K))  # type: ignore[arg-type]
