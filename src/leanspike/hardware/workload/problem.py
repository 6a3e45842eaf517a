"""A layer as a loop nest over tensors: what the counting works on.

A :class:`Problem` is the mathematics of a layer without its densities, bits or hardware: loop
bounds, and for every tensor how its indices follow from the loop indices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
from numpy.typing import NDArray

from leanspike.arrays import Bools, Ints
from leanspike.errors import InputError
from leanspike.hardware.workload.layer import Layer

# Counts are 64-bit integers.
_MOST = 1 << 62

#: A tensor's ranks; each rank's index is a sum of (loop letter, coefficient) terms.
Projection = tuple[tuple[tuple[str, int], ...], ...]


@dataclass(frozen=True)
class Problem:
    """Loop bounds and the tensors they index.

    A rank's index is ``sum over loops of coefficient * loop index``, so a tile that covers
    ``size[d]`` steps of every loop ``d`` spans ``1 + sum(coefficient * (size - 1))`` values of it.

    Attributes
    ----------
    dims
        Loop letters, in the order of every array over loops (D of them).
    bounds
        Steps of each loop, int64 [D].
    tensors
        Names, in the order of every array over tensors (X of them).
    coefficients
        Index coefficients, int64 [X, ranks, D]; ranks a tensor does not have are zero.
    written
        Index of the tensor that accumulates (the output).
    masked
        Index of the tensor some of whose positions are padding, or -1.
    real
        Real indices of each of its ranks before every index, int64 [ranks, extent + 1]; -1 stands
        first in a rank without padding.

    >>> conv = Problem.of(Layer(name="c", C=2, M=8, P=32, Q=32, R=3, S=3, stride=(2, 1)))
    >>> conv.dims
    ('T', 'N', 'C', 'M', 'P', 'Q', 'R', 'S')
    >>> conv.volumes()
    {'Weights': 144, 'Inputs': 4420, 'Outputs': 8192}
    """

    dims: tuple[str, ...]
    bounds: Ints
    tensors: tuple[str, ...]
    coefficients: Ints
    written: int
    masked: int = -1
    real: Ints = field(default_factory=lambda: np.full((1, 1), -1, np.int64))

    @classmethod
    def build(
        cls,
        bounds: dict[str, int],
        projections: dict[str, Projection],
        *,
        written: str,
        masked: str | None = None,
        masks: Mapping[int, Bools] | None = None,
    ) -> Problem:
        """Build from loop bounds by letter and each tensor's projection.

        ``masks`` says by rank of the tensor ``masked`` which of its indices are no padding.

        Raises
        ------
        InputError
            When a bound is below 1, a projection names an unknown loop, has a coefficient below
            1, no tensor is written, or counts may not fit 64-bit integers.
        """
        dims = tuple(bounds)
        for letter, bound in bounds.items():
            if bound < 1:
                raise InputError(f"found {bound}, expected at least 1", where=f"bound {letter}")
        if written not in projections:
            raise InputError(f"no tensor {written!r}", remedy=f"Tensors: {', '.join(projections)}")
        ranks = max(len(projection) for projection in projections.values())
        coefficients = np.zeros((len(projections), ranks, len(dims)), np.int64)
        for x, (tensor, projection) in enumerate(projections.items()):
            for r, rank in enumerate(projection):
                for letter, coefficient in rank:
                    if letter not in bounds:
                        raise InputError(
                            f"indexed by the unknown loop {letter!r}",
                            where=tensor,
                            remedy=f"Loops: {', '.join(dims)}",
                        )
                    if coefficient < 1:
                        raise InputError(
                            f"found the coefficient {coefficient} of {letter}, expected 1 or more",
                            where=tensor,
                        )
                    coefficients[x, r, dims.index(letter)] += coefficient
            # No mapping moves more than a tile at every step, and a rank of a tile is no longer
            # than its loops' product times their largest coefficient.
            traffic = prod(max(1, int(largest)) for largest in coefficients[x].max(axis=1))
            for d, ranks_of_loop in enumerate(np.count_nonzero(coefficients[x], axis=0)):
                traffic *= int(bounds[dims[d]]) ** max(1, int(ranks_of_loop))
            if traffic >= _MOST:
                raise InputError(
                    f"found bounds and strides that may move {traffic:.3g} values of {tensor}, "
                    f"expected fewer than {_MOST:.3g}",
                    where="bounds",
                )
        padded = {r: mask for r, mask in (masks or {}).items() if not mask.all()}
        real = np.full((ranks, max([len(mask) for mask in padded.values()], default=0) + 1), -1)
        for r, mask in padded.items():
            real[r] = mask.sum()
            real[r, : len(mask) + 1] = np.concatenate([[0], np.cumsum(mask)])
        return cls(
            dims=dims,
            bounds=np.array([bounds[d] for d in dims], np.int64),
            tensors=tuple(projections),
            coefficients=coefficients,
            written=list(projections).index(written),
            masked=list(projections).index(masked) if masked and padded else -1,
            real=real.astype(np.int64),
        )

    @classmethod
    def of(cls, layer: Layer, *, padding_is_real: bool = False) -> Problem:
        """Return the loop nest of a layer.

        With ``padding_is_real`` the zeros around (and, with upsampling, between) the inputs are
        values like others (see ``Semantics.free_padding``). With groups there is one more loop, G,
        over the groups; C and M then run inside a group.
        """
        bounds = layer.bounds
        group: tuple[tuple[tuple[str, int], ...], ...] = ()
        if layer.groups > 1:
            bounds = {**bounds, "M": layer.M // layer.groups, "G": layer.groups}
            group = ((("G", 1),),)
        rows = (("P", layer.stride[0]), ("R", layer.dilation[0]))
        columns = (("Q", layer.stride[1]), ("S", layer.dilation[1]))
        single = {letter: ((letter, 1),) for letter in bounds}
        changing = (single["T"], single["N"]) if layer.operand == "activations" else ()
        return cls.build(
            bounds,
            {
                "Weights": (*changing, *group, single["M"], single["C"], single["R"], single["S"]),
                "Inputs": (single["T"], single["N"], *group, single["C"], rows, columns),
                "Outputs": (
                    single["T"], single["N"], *group, single["M"], single["P"], single["Q"],
                ),
            },
            written="Outputs",
            masked=None if padding_is_real else "Inputs",
            masks={len(group) + 3 + axis: layer.input_mask(axis) for axis in (0, 1)},
        )  # fmt: skip

    @property
    def operands(self) -> list[int]:
        """The tensors that a compute reads."""
        return [x for x in range(len(self.tensors)) if x != self.written]

    @property
    def computes(self) -> int:
        """Multiply-accumulates when nothing is skipped."""
        return int(prod(int(bound) for bound in self.bounds))

    def tile(self, tensor: int, sizes: Sequence[int] | Ints) -> int:
        """Return how many values of a tensor a tile of the given loop sizes holds."""
        extents = 1 + self.coefficients[tensor] @ (np.asarray(sizes, np.int64) - 1)
        return int(prod(int(extent) for extent in extents))

    def volumes(self) -> dict[str, int]:
        """Return the number of values in each whole tensor, padding left out."""
        volumes = {name: self.tile(x, self.bounds) for x, name in enumerate(self.tensors)}
        for r, before in enumerate(self.real if self.masked >= 0 else ()):
            if before[0] >= 0:
                name = self.tensors[self.masked]
                extent = 1 + int(self.coefficients[self.masked, r] @ (self.bounds - 1))
                volumes[name] = volumes[name] // extent * int(before[-1])
        return volumes

    @property
    def real_computes(self) -> float:
        """Fraction of the computes that meet no padding."""
        if self.masked < 0:
            return 1.0
        return self.share_meeting(self.real)

    def share_meeting(self, counted: Ints) -> float:
        """Return the fraction of the computes that meet counted values of the masked tensor.

        ``counted`` [ranks, extent + 1] says how many indices before each count, as `real` does.
        """
        share = 1.0
        for before, steps in zip(counted, self.coefficients[self.masked], strict=True):
            if before[0] < 0:
                continue
            places = np.ones(1)  # how many computes meet each index of the rank
            for bound, step in zip(self.bounds[steps > 0], steps[steps > 0], strict=True):
                comb = np.zeros((bound - 1) * step + 1)
                comb[::step] = 1.0
                places = np.convolve(places, comb)
            share *= places[np.diff(before)[: len(places)] > 0].sum() / places.sum()
        return share

    def uses(self, tensor: int) -> NDArray[np.bool_]:
        """Return which loops index a tensor, bool [D]."""
        used: NDArray[np.bool_] = (self.coefficients[tensor] != 0).any(axis=0)
        return used
