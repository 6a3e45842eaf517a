"""The two families of networks: convolutions, attention, dense layers, voting."""

from __future__ import annotations

from functools import partial
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from leanspike.errors import InputError
from leanspike.nn.attention import SameConv1d, attend
from leanspike.nn.event_convolution import convolve
from leanspike.nn.network_config import VOTERS, NetworkConfig
from leanspike.nn.neuron import Neuron
from leanspike.nn.saving import run_stage
from leanspike.nn.sequence import check_same_device, check_sequence
from leanspike.nn.stage import fire
from leanspike.nn.voting import vote

ATTENDED = {"small": (), "tcja": (4, 5)}
"""Which convolutions, counted from one, are followed by attention."""
ATTENTION_KERNEL = 4

Part = TypeVar("Part", bound=nn.Module)


class SpikingNetwork(nn.Module):
    """Spiking convolutions, then dense layers, then voting.

    ``[T, N, C, H, W]`` -> n x (convK -> normK -> neuronK -> [attention] -> poolK) -> flatten in
    (C, H, W) order -> dense1 -> neuron -> dense2 -> neuron -> rates ``[N, classes]``. No layer
    has a bias. Attention layers are ``tcja1_t``, ``tcja1_c``, ``tcja2_t``, ``tcja2_c``. Dropout
    before a dense layer drops the same inputs at every step of a sample.

    Parameters
    ----------
    config
        The family and its sizes.

    >>> from leanspike.nn import NetworkConfig, build_network
    >>> net = build_network(NetworkConfig(shape=(2, 8, 8), channels=4), seed=0)
    >>> net(torch.zeros(5, 3, 2, 8, 8)).shape
    torch.Size([3, 10])
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        assert isinstance(config.channels, tuple)
        assert config.hidden is not None
        assert config.dropout is not None
        self.config = config
        c, h, w = config.shape
        attended = ATTENDED[config.name]
        for k, m in enumerate(config.channels, start=1):
            self.add_module(f"conv{k}", nn.Conv2d(c, m, 3, padding=1, bias=False))
            self.add_module(f"norm{k}", nn.BatchNorm2d(m))
            self.add_module(f"neuron{k}", self._neuron(m))
            if k in attended:
                a = attended.index(k) + 1
                self.add_module(f"tcja{a}_t", SameConv1d(config.T, config.T, ATTENTION_KERNEL))
                self.add_module(f"tcja{a}_c", SameConv1d(m, m, ATTENTION_KERNEL))
            self.add_module(f"pool{k}", nn.MaxPool2d(2))
            c, h, w = m, h // 2, w // 2
        n = len(config.channels)
        sizes = (c * h * w, config.hidden, config.classes * VOTERS)
        for k in (1, 2):
            self.add_module(f"dropout{k}", nn.Dropout(config.dropout))
            self.add_module(f"dense{k}", nn.Linear(sizes[k - 1], sizes[k], bias=False))
            self.add_module(f"neuron{n + k}", self._neuron(sizes[k]))

    def forward(self, x: Tensor) -> Tensor:
        """Map frames ``[T, N, C, H, W]`` to each class's voted firing rate ``[N, classes]``.

        Raises
        ------
        InputError
            If the shape, type or device of the frames does not fit the network.
        """
        self._check(x)
        T, N = x.shape[:2]
        x = x.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        x = self._convolve(x, T)
        x = self._densify(x, T, N)
        return vote(x.unflatten(0, (T, N)), self.config.classes)

    def _convolve(self, x: Tensor, T: int) -> Tensor:
        assert isinstance(self.config.channels, tuple)
        for k in range(1, len(self.config.channels) + 1):
            norm = self._part(f"norm{k}", nn.BatchNorm2d)
            x = run_stage(partial(self._stage, k, T), x, keep=self.config.keep, norm=norm)
        return x

    def _stage(self, k: int, T: int, x: Tensor) -> Tensor:
        """Run convolution ``k`` and what follows it on ``[T*N, C, H, W]``."""
        norm = self._part(f"norm{k}", nn.BatchNorm2d)
        neuron = self._part(f"neuron{k}", Neuron)
        y = convolve(self._part(f"conv{k}", nn.Conv2d), x, backend=neuron.backend)
        pool = self._part(f"pool{k}", nn.MaxPool2d)
        attended = ATTENDED[self.config.name]
        if k not in attended:
            return fire(y, T, neuron, norm=norm, pool=pool)
        s = fire(y, T, neuron, norm=norm).unflatten(0, (T, -1))
        a = attended.index(k) + 1
        along_channels = self._part(f"tcja{a}_t", SameConv1d)
        along_time = self._part(f"tcja{a}_c", SameConv1d)
        attended_spikes: Tensor = pool(attend(s, along_channels, along_time).flatten(0, 1))
        return attended_spikes

    def _densify(self, x: Tensor, T: int, N: int) -> Tensor:
        assert isinstance(self.config.channels, tuple)
        x = x.flatten(1)
        for k in (1, 2):
            dropout = self._part(f"dropout{k}", nn.Dropout)
            dense = self._part(f"dense{k}", nn.Linear)
            neuron = self._part(f"neuron{len(self.config.channels) + k}", Neuron)
            if self.training and self.config.dropout:
                x = (x.unflatten(0, (T, N)) * dropout(x.new_ones(N, x.shape[1]))).flatten(0, 1)
            x = fire(dense(x), T, neuron)
        return x

    def _part(self, name: str, kind: type[Part]) -> Part:
        return cast(Part, self.get_submodule(name))

    def _neuron(self, channels: int) -> Neuron:
        return Neuron(
            self.config.neuron,
            channels=channels,
            backend=self.config.backend,
            store=self.config.store_membrane,
        )

    def _check(self, x: Tensor) -> None:
        where = f"{self.config.name} network"
        check_sequence(x, where=where)
        check_same_device(x, self, where=where)
        if x.shape[2:] != self.config.shape:
            raise InputError(
                f"frames are {list(x.shape)}, expected [T, N, "
                f"{', '.join(str(size) for size in self.config.shape)}]",
                where=where,
            )
        if self.config.name == "tcja" and x.shape[0] != self.config.T:
            raise InputError(
                f"the sequence has {x.shape[0]} steps, the attention was built for {self.config.T}",
                where=where,
                remedy=f"Make the frames, or the network, with T = {x.shape[0]}",
            )


def build_network(config: NetworkConfig, *, seed: int) -> SpikingNetwork:
    """Return a network with weights drawn from ``seed``, leaving torch's own generator alone.

    Weights follow torch's defaults: uniform within 1 / sqrt(fan-in) of zero.

    >>> net = build_network(NetworkConfig("tcja", (2, 128, 128), classes=11, T=20), seed=0)
    >>> sum(p.numel() for name, p in net.named_parameters() if "norm" not in name)
    1831296
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SpikingNetwork(config)
