"""Which network to build, as one frozen and checked record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from leanspike.errors import InputError
from leanspike.nn.backend import BACKENDS, Backend
from leanspike.nn.neuron_config import NeuronConfig
from leanspike.nn.saving import Keep

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
