"""One layer of a network, as hardware sees it: loop bounds, tensors, bits and densities."""

from __future__ import annotations

from math import prod
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from leanspike.errors import InputError
from leanspike.spec import Spec

Statistic = Literal["mean", "max"]
Tensor = Literal["Weights", "Inputs", "Outputs", "State"]
Operand = Literal["parameters", "activations"]
#: The loop bounds: time steps, batch, input and output channels, output extents, kernel extents.
DIMENSIONS = ("T", "N", "C", "M", "P", "Q", "R", "S")
TENSORS: tuple[Tensor, ...] = ("Weights", "Inputs", "Outputs", "State")

Count = Annotated[int, Field(ge=1, le=1 << 30)]
Width = Annotated[int, Field(ge=1, le=64)]
# Counts are 64-bit integers.
_MOST = 1 << 60
Fraction = Annotated[float, Field(ge=0, le=1)]
Pair = tuple[Count, Count]


class Density(Spec):
    """Fraction of non-zeros: its mean and its maximum over samples and time steps.

    A plain number stands for both.

    >>> Density(mean=0.1, max=0.3).at("max")
    0.3
    >>> Density.model_validate(0.2)
    Density(mean=0.2, max=0.2)
    """

    mean: Fraction
    max: Fraction

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, data: Any) -> Any:
        if isinstance(data, bool) or not isinstance(data, (int, float)):
            return data
        return {"mean": data, "max": data}

    @model_validator(mode="after")
    def _ordered(self) -> Density:
        if self.mean > self.max:
            raise InputError(f"the mean {self.mean} is larger than the maximum {self.max}")
        return self

    def at(self, statistic: Statistic) -> float:
        """Return the mean or the maximum."""
        return self.mean if statistic == "mean" else self.max


class Densities(Spec):
    """Density of each tensor; the membrane state has no zeros to skip."""

    weights: Density = Density(mean=1, max=1)
    inputs: Density = Density(mean=1, max=1)
    outputs: Density = Density(mean=1, max=1)


class Bits(Spec):
    """Bits of one value of each tensor.

    Spikes are 1 bit. ``partial_sums`` is the width an accumulating output has on its way,
    ``outputs`` the width it leaves the layer with; ``state`` is the membrane potential's.
    """

    weights: Width = 8
    inputs: Width = 1
    outputs: Width = 1
    partial_sums: Width = 16
    state: Width = 16


class Layer(Spec):
    """A weight layer: convolution (2-d, or 1-d with P = R = 1) or dense (P = Q = R = S = 1).

    ``Outputs[T,N,M,P,Q] = sum over C,R,S of Weights[M,C/groups,R,S] * Inputs[T,N,C,H,W]``. R
    belongs to P and H, S to Q and W; every pair (stride, dilation, padding) is in that order.
    C and M count all channels, whatever the groups.

    Raises
    ------
    InputError
        When a bound is below 1, a density outside [0, 1], bits outside 1 to 64, or groups do not
        divide C and M.

    >>> conv = Layer(name="c", T=20, C=2, M=8, P=32, Q=32, R=3, S=3, stride=(1, 2))
    >>> conv.input_extent
    (34, 65)
    >>> conv.accumulates
    2949120
    >>> conv.volume("State")
    8192
    """

    name: Annotated[str, Field(min_length=1)]
    T: Count = 1
    N: Count = 1
    C: Count
    M: Count
    P: Count = 1
    Q: Count = 1
    R: Count = 1
    S: Count = 1
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    #: Zeros before the input's first row and column.
    padding: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]] = (0, 0)
    #: Rows and columns of the input without padding; by default as many zeros follow as precede.
    input_size: Pair | None = None
    #: Steps from one input value to the next on the padded grid, with zeros between: the stride of
    #: a transposed convolution, which is a convolution of such an input.
    upsampling: Pair = (1, 1)
    groups: Count = 1
    #: Whether a spiking neuron follows, with a membrane state of its own.
    neurons: bool = True
    #: Rows and columns of the neurons where pooling stands before them; by default P and Q.
    neuron_size: Pair | None = None
    #: What Weights holds: parameters, or activations that change with T and N (as in attention).
    operand: Operand = "parameters"
    bits: Bits = Bits()
    density: Densities = Densities()

    @model_validator(mode="after")
    def _divisible(self) -> Layer:
        for letter in ("C", "M"):
            if getattr(self, letter) % self.groups:
                raise InputError(
                    f"{self.groups} groups do not divide {letter} = {getattr(self, letter)}",
                    where="groups",
                )
        return self

    @model_validator(mode="after")
    def _countable(self) -> Layer:
        counts = {"accumulates": self.accumulates, "neuron updates": self.neuron_updates}
        counts |= {f"values of {tensor}": self.volume(tensor) for tensor in TENSORS}
        for what, count in counts.items():
            if count >= _MOST:
                raise InputError(
                    f"found {count:.3g} {what}, expected fewer than {_MOST:.3g}", where="bounds"
                )
        return self

    @property
    def bounds(self) -> dict[str, int]:
        """Loop bounds by letter; with groups, C is the channels one output channel sums over."""
        bounds = {letter: int(getattr(self, letter)) for letter in DIMENSIONS}
        bounds["C"] //= self.groups
        return bounds

    @property
    def input_extent(self) -> tuple[int, int]:
        """Height and width of the input that the kernels touch, padding included."""
        height = (self.P - 1) * self.stride[0] + (self.R - 1) * self.dilation[0] + 1
        width = (self.Q - 1) * self.stride[1] + (self.S - 1) * self.dilation[1] + 1
        return height, width

    def input_mask(self, axis: Literal[0, 1]) -> NDArray[np.bool_]:
        """Return which rows (axis 0) or columns (1) of the input that kernels touch hold values.

        The others are padding, or zeros that a transposed convolution puts between values; bool
        [extent]. A position holds a value where its row and its column do.

        >>> Layer(name="c", C=1, M=1, P=2, R=3, padding=(1, 0)).input_mask(0)
        array([False,  True,  True, False])
        """
        extent, before, step = self.input_extent[axis], self.padding[axis], self.upsampling[axis]
        if self.input_size is None:
            count = -(-max(1, extent - 2 * before) // step)
        else:
            count = self.input_size[axis]
        mask = np.zeros(extent, np.bool_)
        mask[before : before + (count - 1) * step + 1 : step] = True
        return mask

    @property
    def neuron_maps(self) -> tuple[int, int]:
        """Rows and columns of the neurons: the outputs' own, unless pooling stands between."""
        return self.neuron_size or (self.P, self.Q)

    @property
    def accumulates(self) -> int:
        """Multiply-accumulates when nothing is skipped, over all T and N."""
        return prod(self.bounds.values())

    @property
    def neuron_updates(self) -> int:
        """Membrane updates: one per neuron and time step."""
        return self.T * self.volume("State")

    def volume(self, tensor: Tensor) -> int:
        """Return the number of values in a whole tensor, inputs with their padding.

        State is one value per neuron whatever T is, and none without neurons. Weights that are
        activations are there for every step and sample.
        """
        if tensor == "Weights":
            changing = self.T * self.N if self.operand == "activations" else 1
            return changing * self.M * (self.C // self.groups) * self.R * self.S
        if tensor == "Inputs":
            return self.T * self.N * self.C * prod(self.input_extent)
        if tensor == "Outputs":
            return self.T * self.N * self.M * self.P * self.Q
        return self.N * self.M * prod(self.neuron_maps) if self.neurons else 0

    def density_of(self, tensor: Tensor, statistic: Statistic = "mean") -> float:
        """Return a tensor's density; the state's is 1."""
        if tensor == "State":
            return 1.0
        density: Density = getattr(self.density, tensor.lower())
        return density.at(statistic)

    def bits_of(self, tensor: Tensor) -> int:
        """Return the bits of one value, for Outputs as they leave the layer."""
        return int(getattr(self.bits, tensor.lower()))

    def replace(self, **changes: Any) -> Layer:
        """Return a checked copy with the given fields changed."""
        return Layer(**{**dict(self), **changes})

    def at(self, statistic: Statistic) -> Layer:
        """Return this layer with one number per density: its mean or its maximum."""
        chosen = {name: density.at(statistic) for name, density in dict(self.density).items()}
        return self.replace(density=Densities(**chosen))
