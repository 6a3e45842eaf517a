from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from leanspike.compress import CompressionConfig, prepare, summary
from leanspike.errors import InputError
from leanspike.nn import ForeignNetwork, adapt
from made_up_networks import Stepwise

T, N, F, K = 5, 3, 6, 4


class TimeFirst(nn.Module):
    """Loops over the first axis; gives spikes and membranes of every step."""

    batch_first = False

    def __init__(self) -> None:
        super().__init__()
        self.inner = Stepwise(F, K)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.batch_first:
            x = x.transpose(0, 1)
        self.inner[1].reset()
        self.inner[3].reset()
        spikes, membranes = [], []
        for step in x:
            spikes.append(self.inner(step))
            membranes.append(self.inner[3].v)
        axis = 1 if self.batch_first else 0
        return torch.stack(membranes, axis), torch.stack(spikes, axis)


class BatchFirst(TimeFirst):
    batch_first = True


class Handing(nn.Module):
    """Gives its state back and takes it with the next step."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.fc = nn.Linear(F, K)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        v = self.fc(x) + (0.9 * state if state is not None else 0.0)
        return v, v


class MakesSteps(nn.Module):
    """Gives one image to itself seven times."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Stepwise(F, K)

    def forward(self, x: Tensor) -> Tensor:
        self.inner[1].reset()
        self.inner[3].reset()
        return torch.stack([self.inner(x) for _ in range(7)])


def trains() -> Tensor:
    return (torch.rand(T, N, F, generator=torch.Generator().manual_seed(1)) < 0.5).float()


def by_hand(x: Tensor) -> Tensor:
    """Rates of the stepwise network, one sample at a time."""
    net = Stepwise(F, K)
    rates = []
    for sample in x.unbind(1):
        net[1].reset()
        net[3].reset()
        rates.append(torch.stack([net(step[None]) for step in sample]).mean(0))
    return torch.cat(rates)


@pytest.mark.parametrize(
    ("build", "takes", "axes", "output"),
    [
        (partial(Stepwise, F, K), "step", "NK", None),
        (TimeFirst, "all", "TNK", 1),
        (BatchFirst, "batch-first", "NTK", 1),
    ],
)
def test_every_way_gives_the_rates_counted_by_hand(build, takes, axes, output) -> None:
    foreign = adapt(build(), trains(), classes=K)
    how = foreign.convention
    assert (how.takes, how.axes, how.output, how.values) == (takes, axes, output, "spikes")
    torch.testing.assert_close(foreign(trains()), by_hand(trains()))


def test_time_and_batch_are_told_apart_where_they_are_as_many() -> None:
    square = torch.cat([trains()[:3]] * 2, 1)[:, :3]  # T = N = 3
    assert adapt(BatchFirst(), square, classes=K).convention.takes == "batch-first"
    assert adapt(TimeFirst(), square, classes=K).convention.takes == "all"


def test_a_state_that_is_handed_on() -> None:
    net = Handing()
    foreign = adapt(net, trains(), classes=K)
    assert foreign.convention.hands_state
    assert foreign.convention.values == "values"
    v, record = torch.zeros(N, K), []
    for step in trains():
        v = 0.9 * v + net.fc(step)
        record.append(v)
    torch.testing.assert_close(foreign(trains()), torch.stack(record).mean(0))


def test_a_network_that_makes_its_own_steps() -> None:
    image = trains()[:1].expand(T, N, F)
    foreign = adapt(MakesSteps(), image, classes=K)
    assert (foreign.convention.takes, foreign.convention.axes) == ("own", "TNK")
    torch.testing.assert_close(foreign(image), by_hand(image[:1].expand(7, N, F)))
    with pytest.raises(InputError, match="its own time steps, and the data has steps of its own"):
        adapt(MakesSteps(), trains(), classes=K)


def test_what_is_given_is_not_found_out() -> None:
    foreign = adapt(TimeFirst(), trains(), classes=K, output=0, readout="last")
    assert foreign.convention.output == 0
    membranes, _ = TimeFirst()(trains())
    torch.testing.assert_close(foreign(trains()), membranes[-1])
    with pytest.raises(InputError, match="takes: found 'all at once', expected one of all"):
        adapt(Stepwise(F, K), trains(), classes=K, takes="all at once")


def test_names_weights_and_modes_are_the_networks_own() -> None:
    net = Stepwise(F, K)
    foreign = adapt(net, trains(), classes=K)
    assert list(foreign.state_dict()) == list(net.state_dict())
    prepare(foreign, CompressionConfig(weight_bits=2, sparsity=0.5))
    assert [layer.name for layer in summary(foreign).layers] == ["0", "2"]
    assert len(net[0].weight.unique()) <= 3
    twin = copy.deepcopy(foreign)
    with torch.no_grad():
        twin.network[0].bias.add_(1)
    assert torch.equal(twin.get_parameter("0.bias"), twin.network[0].bias)
    assert not torch.equal(twin.network[0].bias, net[0].bias)
    foreign.train()
    foreign(trains())
    assert net.training
    foreign.eval()
    foreign(trains())
    assert not net.training


def test_a_layer_alone() -> None:
    foreign = adapt(nn.Linear(F, K), trains(), classes=K)
    assert isinstance(foreign, ForeignNetwork)
    assert foreign(trains()).shape == (N, K)


def test_outputs_of_the_wrong_width_say_what_was_found() -> None:
    with pytest.raises(InputError, match=r"gives 7 scores a sample: .*output \[\d, 4\]"):
        adapt(Stepwise(F, K), trains(), classes=7)


def test_a_state_that_outlives_the_reset_is_refused() -> None:
    class Keeps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.seen = nn.Linear(F, K), 0.0

        def forward(self, x: Tensor) -> Tensor:
            self.seen = self.seen + 1
            return self.fc(x) + self.seen

    with pytest.raises(InputError, match="keeps a state that no reset clears"):
        adapt(Keeps(), trains(), classes=K)
