"""Which network to build, as one frozen and checked record.

From the output neurons' spikes to one rate per class.

The two families of networks: convolutions, attention, dense layers, voting.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Literal, TypeVar, cast, get_args

import torch
from torch import Tensor, nn

from leanspike.errors import InputError
from leanspike.nn.attention import SameConv1d, attend
from leanspike.nn.backend import BACKENDS, Backend
from leanspike.nn.kernels.event_convolution import convolve
from leanspike.nn.neuron import Neuron
from leanspike.nn.neuron_config import NeuronConfig
from leanspike.nn.saving import Keep, run_stage
from leanspike.nn.sequence import check_same_device, check_sequence
from leanspike.nn.stage import fire

NetworkName = Literal["small", "tcja"]
POOLINGS = {"small": 3, "tcja": 5}
VOTERS = 10
"""Output neurons that vote for each class: PAPER's dense 512->110 for 11 classes."""


@dataclass(frozen=True)
class NetworkConfig:
    """A spiking network: its family and its sizes.

    Parameters
    ----------
    name
        ``"small"``: three 3x3 convolutions, each with batch norm, neurons and 2x2 max pooling,
        then two dense layers with neurons. ``"tcja"``: the TCJA-SNN of Schaefer et al. 2023,
        five convolutions, attention after the last two.
    shape
        Input channels, height and width; each side at least 8 (small) or 32 (tcja).
    classes
        Number of classes.
    T
        Time steps; the tcja network is bound to it, the small one runs any number.
    channels
        Output channels of the convolutions: one number for all, or one per convolution.
        Default 16, 32, 32 (small) and 128 (tcja).
    hidden
        Neurons of the hidden dense layer. Default 128 (small) and four times the last
        convolution's channels (tcja).
    dropout
        Fraction dropped before each dense layer. Default 0 (small) and 0.5 (tcja).
    neuron
        The neurons' dynamics.
    backend
        What runs the neurons.
    store_membrane
        Whether neuron layers keep their potentials for the backward pass; by default they compute
        them again, which saves memory and is no slower.
    keep
        What each convolution stage keeps for the backward pass: ``"tensors"`` as they are,
        ``"bits"`` (input spikes at one bit each) or ``"inputs"`` (nothing else: the stage runs
        twice).

    >>> NetworkConfig().hidden
    128
    """

    name: NetworkName = "small"
    shape: tuple[int, int, int] = (2, 34, 34)
    classes: int = 10
    T: int = 10
    channels: int | tuple[int, ...] | None = None
    hidden: int | None = None
    dropout: float | None = None
    neuron: NeuronConfig = field(default_factory=NeuronConfig)
    backend: Backend = "auto"
    store_membrane: bool = False
    keep: Keep = "tensors"

    def __post_init__(self) -> None:
        if self.name not in get_args(NetworkName):
            raise InputError(
                f"name is {self.name!r}, expected one of {', '.join(get_args(NetworkName))}",
                where="NetworkConfig",
            )
        self._fill_defaults()
        assert isinstance(self.channels, tuple)
        least = 2 ** POOLINGS[self.name]
        if len(self.shape) != 3 or min(self.shape) < 1 or min(self.shape[1:]) < least:
            raise InputError(
                f"shape is {self.shape}, expected (channels, height, width) with sides of at "
                f"least {least}",
                where="NetworkConfig",
            )
        sizes = {"classes": self.classes, "T": self.T, "hidden": self.hidden}
        sizes |= {f"channels[{i}]": c for i, c in enumerate(self.channels)}
        for key, value in sizes.items():
            if not isinstance(value, int) or value < 1:
                raise InputError(f"{key} is {value}, expected at least 1", where="NetworkConfig")
        if self.dropout is None or not 0 <= self.dropout < 1:
            raise InputError(
                f"dropout is {self.dropout}, expected 0 <= dropout < 1", where="NetworkConfig"
            )
        for key, found, expected in (
            ("backend", self.backend, BACKENDS),
            ("keep", self.keep, get_args(Keep)),
        ):
            if found not in expected:
                raise InputError(
                    f"{key} is {found!r}, expected one of {', '.join(expected)}",
                    where="NetworkConfig",
                )

    def _fill_defaults(self) -> None:
        convolutions = POOLINGS[self.name]
        channels = self.channels
        if channels is None:
            channels = (16, 32, 32) if self.name == "small" else 128
        if isinstance(channels, int):
            channels = (channels,) * convolutions
        channels = tuple(channels)
        if len(channels) != convolutions:
            raise InputError(
                f"channels has {len(channels)} values, the {self.name} network has "
                f"{convolutions} convolutions",
                where="NetworkConfig",
            )
        # Frozen to users; here the record is still being made.
        object.__setattr__(self, "channels", channels)
        object.__setattr__(self, "shape", tuple(self.shape))
        if self.hidden is None:
            hidden = 128 if self.name == "small" else 4 * channels[-1]
            object.__setattr__(self, "hidden", hidden)
        if self.dropout is None:
            object.__setattr__(self, "dropout", 0.0 if self.name == "small" else 0.5)


def vote(spikes: Tensor, classes: int) -> Tensor:
    """Return each class's firing rate ``[N, classes]`` from spikes ``[T, N, classes * voters]``.

    The mean over time and over the class's group of neighbouring output neurons, between 0
    and 1 (the voting of arXiv 2302.04174 and of SpikingJelly's ``VotingLayer``).

    >>> import torch
    >>> vote(torch.tensor([[[1.0, 0.0, 1.0, 1.0]]]), 2)
    tensor([[0.5000, 1.0000]])
    """
    return spikes.mean(0).unflatten(-1, (classes, -1)).mean(-1)


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
