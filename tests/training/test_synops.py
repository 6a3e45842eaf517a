from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from leanspike.activity.operations import count_operations
from leanspike.compress import CompressionConfig, Phase, Strategy, prepare
from leanspike.errors import InputError
from leanspike.events import FrameData, FrameSplit
from leanspike.nn import NetworkConfig, SpikingNetwork, build_network
from leanspike.training import TrainingConfig, network_input, run_phase, run_strategy
from leanspike.training.synops import OperationsPenalty, counted, operations

LAYERS = [
    nn.Linear(12, 5),
    nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2),
    nn.Conv2d(3, 4, (3, 1), padding="same", dilation=(2, 1)),
    nn.Conv3d(2, 4, 2, stride=(1, 2, 1), groups=2),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize("trained", [False, True])
def test_operations_are_those_that_activity_counts(layer: nn.Module, trained: bool) -> None:
    torch.manual_seed(0)
    prepare(layer, CompressionConfig(sparsity=0.4))
    sizes = (12,) if isinstance(layer, nn.Linear) else (layer.in_channels, 5, 6, 7)
    x = (torch.rand(3, *sizes[: layer.weight.dim() - 1]) < 0.3).float()
    expected, _ = count_operations(layer, x)
    assert operations(layer, x.requires_grad_(trained)).item() == expected > 0


def test_a_spike_costs_as_many_operations_as_weights_it_meets() -> None:
    layer = nn.Conv2d(2, 3, 3, padding=1)
    prepare(layer, CompressionConfig(sparsity=0.5))
    x = (torch.rand(1, 2, 4, 4) < 0.5).float().requires_grad_()
    operations(layer, x).backward()
    assert x.grad is not None
    there = layer.weight != 0
    for c, i, j in np.ndindex(2, 4, 4):
        # Output (p, q) reads input (i, j) by kernel position (i - p + 1, j - q + 1).
        met = sum(
            int(there[:, c, i - p + 1, j - q + 1].sum())
            for p in range(4)
            for q in range(4)
            if abs(i - p) <= 1 and abs(j - q) <= 1
        )
        assert x.grad[0, c, i, j] == met


def data() -> FrameData:
    generator = np.random.default_rng(0)

    def split(count: int) -> FrameSplit:
        labels = np.arange(count, dtype=np.int64) % 2
        frames = (generator.random((count, 3, 2, 8, 8)) < 0.2).astype(np.uint8)
        frames[labels == 1, :, 1, :4] = 1
        return FrameSplit(frames, labels)

    return FrameData("made up", split(64), split(16), split(16), 2, "made-up")


def spiking() -> SpikingNetwork:
    net = build_network(NetworkConfig(shape=(2, 8, 8), classes=2, channels=4, hidden=8), seed=0)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter *= 3 if "norm" not in name else 1  # so that spikes come through
    return net


def test_the_penalty_s_gradient_takes_operations_away() -> None:
    frames, net = data(), spiking()
    x = network_input(torch.from_numpy(frames.train.frames))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    counts = []
    for _ in range(30):
        with counted(net) as found:
            net(x)
        of_spikes = found[1:]  # the first layer meets the recording, which does not change
        counts.append(float(torch.stack(of_spikes).sum().detach()))
        optimizer.zero_grad()
        OperationsPenalty(weight=1.0, reference=1e3).loss(found, len(frames.train)).backward()
        optimizer.step()
    assert counts[-1] < 0.5 * counts[0]


def test_a_phase_s_loss_has_the_penalty_in_it(tmp_path: Path) -> None:
    losses = {}
    for synops in (0.0, 2.0):
        phase = Phase(epochs=1, lr=1e-6, warmup_epochs=0, synops=synops)
        training = TrainingConfig(epochs=1, warmup_epochs=0, accelerator="cpu")
        strategy = Strategy("s", (phase,))
        folder = tmp_path / str(synops)
        (result,) = run_strategy(spiking(), data(), strategy, training=training, out=folder, seed=0)
        losses[synops] = result.history[0].train_loss
    # Hardly trained, it does about as many operations as the network it began with.
    assert losses[2.0] - losses[0.0] == pytest.approx(2.0, rel=0.2)


def test_the_reference_is_what_hooks_count() -> None:
    frames = data()
    net = build_network(NetworkConfig(shape=(2, 8, 8), classes=2, channels=4, hidden=8), seed=0)
    total = 0

    def hook(layer: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        nonlocal total
        total += count_operations(layer, args[0])[0]  # type: ignore[arg-type]

    layers = (net.conv1, net.conv2, net.conv3, net.dense1, net.dense2)
    handles = [layer.register_forward_pre_hook(hook) for layer in layers]
    penalty = OperationsPenalty.of_network(net, frames.validation, weight=1.0)
    for handle in handles:
        handle.remove()
    assert penalty.reference == pytest.approx(total / 16)
    with counted(net) as found:
        net(torch.ones(3, 2, 2, 8, 8))
    assert penalty.loss(found, 2).item() == pytest.approx(
        float(torch.stack(found).sum().detach()) / 2 / penalty.reference
    )


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no operation at all"):
        OperationsPenalty(weight=0.1, reference=0.0)
    with pytest.raises(InputError, match="synops"):
        Phase(epochs=1, lr=1e-3, warmup_epochs=0, synops=-1.0)
    phase = Phase(epochs=1, lr=1e-3, warmup_epochs=0, synops=0.1)
    training = TrainingConfig(epochs=1, warmup_epochs=0)
    net = build_network(NetworkConfig(shape=(2, 8, 8), classes=2, channels=4, hidden=8), seed=0)
    with pytest.raises(InputError, match="origin"):
        run_phase(net, data(), phase, training=training, out=tmp_path, seed=0)
