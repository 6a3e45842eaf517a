"""The networks `train_step.py` times, and each framework's neurons to put into them.

Every framework gets the same skeleton, the fastest it can use: convolutions, batch norm and
pooling on all steps at once, ``[T*N, ...]``; its own neurons on ``[T, N, ...]``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from leanspike.nn import Neuron, NeuronConfig, SameConv1d, attend, convolve, fire


@dataclass(frozen=True)
class Shape:
    """A network and the data of one step: convolutions as (channels, norm, attention, pool)."""

    T: int
    batch: int
    frame: tuple[int, int, int]
    convolutions: tuple[tuple[int, bool, bool, bool], ...]
    dense: tuple[int, ...]

    def __str__(self) -> str:
        c, h, w = self.frame
        return f"T={self.T} batch={self.batch} {h}x{w}x{c}"


def tcja(channels: int, T: int, batch: int, side: int) -> Shape:
    plain, attended = (channels, True, False, True), (channels, True, True, True)
    return Shape(T, batch, (2, side, side), (plain,) * 3 + (attended,) * 2, (4 * channels, 110))


NETWORKS = {
    # Issue 5's: two 3x3 convolutions of 32 channels, pooling, linear.
    "small": Shape(20, 8, (2, 32, 32), ((32, False, False, True),) * 2, (10,)),
    "nmnist": Shape(
        10,
        16,
        (2, 34, 34),
        ((16, True, False, True), (32, True, False, True), (32, True, False, True)),
        (128, 100),
    ),
    "tcja32": tcja(32, T=20, batch=2, side=64),
    "tcja128": tcja(128, T=20, batch=1, side=32),
    # The paper's step; for GPUs.
    "tcja128-full": tcja(128, T=20, batch=16, side=128),
}


class Skeleton(nn.Module):
    """Everything but the neurons; ``neuron()`` makes one layer of them, or None for no neurons.

    With ``fused`` the neurons are ours, batch norm and pooling go into their kernel; with
    ``events`` convolutions are computed by ours from events where these are few.
    """

    def __init__(
        self,
        shape: Shape,
        neuron: Callable[[], nn.Module] | None,
        fused: bool,
        events: bool = False,
    ) -> None:
        super().__init__()
        self.shape, self.fused, self.events = shape, fused, events
        make = neuron or nn.Identity
        self.stages = nn.ModuleList()
        c, h, w = shape.frame
        for m, norm, attention, pool in shape.convolutions:
            stage = nn.ModuleDict({"weight": nn.Conv2d(c, m, 3, padding=1, bias=False)})
            if norm:
                stage["norm"] = nn.BatchNorm2d(m)
            stage["neuron"] = make()
            if attention:
                stage["t"], stage["c"] = SameConv1d(shape.T, shape.T, 4), SameConv1d(m, m, 4)
            if pool:
                stage["pool"] = nn.MaxPool2d(2)
                h, w = h // 2, w // 2
            self.stages.append(stage)
            c = m
        size = c * h * w
        for m in shape.dense:
            linear = nn.Linear(size, m, bias=False)
            self.stages.append(nn.ModuleDict({"weight": linear, "neuron": make()}))
            size = m

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[T, N, C, H, W]`` to rates ``[N, outputs]``."""
        T = x.shape[0]
        x = x.flatten(0, 1)
        for stage in self.stages:
            layer = stage["weight"]
            if isinstance(layer, nn.Linear):
                x = layer(x.flatten(1))
            else:
                x = convolve(layer, x) if self.events else layer(x)
            parts = {name: stage[name] for name in ("norm", "pool") if name in stage}
            attended = "t" in stage
            if self.fused:
                pool = parts.pop("pool", None) if attended else None
                x = fire(x, T, stage["neuron"], **parts)
            else:
                x = parts["norm"](x) if "norm" in parts else x
                x = stage["neuron"](x.unflatten(0, (T, -1))).flatten(0, 1)
                pool = parts.get("pool")
            if attended:
                x = attend(x.unflatten(0, (T, -1)), stage["t"], stage["c"]).flatten(0, 1)
            x = pool(x) if pool is not None else x
        return x.unflatten(0, (T, -1)).mean(0)


class Stepped(nn.Module):
    """Run a peer's single-step neuron ``(x, state) -> (spikes, state)`` over a sequence."""

    def __init__(self, cell: Callable[[Tensor, object], tuple[Tensor, object]]) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[T, N, ...]`` to spikes."""
        state, spikes = None, []
        for current in x:
            s, state = self.cell(current, state)
            spikes.append(s)
        return torch.stack(spikes)


def leanspike_neuron() -> nn.Module:
    return Neuron(NeuronConfig())


def spikingjelly_neuron() -> nn.Module:
    from spikingjelly.activation_based import functional, neuron, surrogate

    node = neuron.LIFNode(
        tau=2.0, surrogate_function=surrogate.ATan(2.0), detach_reset=True, step_mode="m"
    )
    # Every sequence starts at rest, as ours do.
    node.register_forward_pre_hook(lambda module, _: functional.reset_net(module))
    return node


def snntorch_neuron() -> nn.Module:
    import snntorch

    leaky = snntorch.Leaky(
        beta=0.5, spike_grad=snntorch.surrogate.atan(alpha=2.0), reset_mechanism="zero"
    )

    def cell(x: Tensor, state: object) -> tuple[Tensor, object]:
        return leaky(x, leaky.reset_mem() if state is None else state)

    return Stepped(cell)


def norse_neuron() -> nn.Module:
    from norse.torch.functional.lif_box import (
        LIFBoxFeedForwardState,
        LIFBoxParameters,
        lif_box_feed_forward_step,
    )

    # dt * tau_mem_inv = 1/2: our tau of 2 steps.
    parameters = LIFBoxParameters(tau_mem_inv=torch.tensor(500.0))

    def cell(x: Tensor, state: object) -> tuple[Tensor, object]:
        if state is None:
            state = LIFBoxFeedForwardState(v=torch.zeros_like(x))
        return lif_box_feed_forward_step(x, state, parameters, dt=0.001)

    return Stepped(cell)


def sinabs_neuron() -> nn.Module:
    from sinabs.activation import MembraneReset, SingleSpike
    from sinabs.layers import LIF

    class TimeFirst(LIF):
        def forward(self, x: Tensor) -> Tensor:  # theirs takes the batch first
            self.reset_states()
            return super().forward(x.transpose(0, 1)).transpose(0, 1)

    # exp(-1 / tau_mem) = 1/2: our tau of 2 steps.
    return TimeFirst(tau_mem=1.4427, spike_fn=SingleSpike, reset_fn=MembraneReset())
