"""Timeloop's problem: its shape, bounds and densities.

Banded densities under one mapping, as Timeloop v3.0.3 answers for them.

Whether a tile of a banded matrix is empty depends on its shape, not on its size alone, so the
model is asked under a mapping that says which shapes occur.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from leanspike.errors import InputError
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.plan import Plan
from leanspike.hardware.model.skipping import leader_loops
from leanspike.hardware.sparsity.density import Banded, DensityModel, Occupancies, Reals, Sizes
from leanspike.hardware.timeloop.document import Node, texts
from leanspike.hardware.workload.problem import Problem, Projection


def read_problem(document: Node) -> Problem:
    """Return the loop nest a Timeloop input describes."""
    problem = document.child("problem")
    shape, instance = problem.child("shape"), problem.child("instance")
    if not problem.data:
        document.need("problem")
    dims = texts(shape.need("dimensions"), f"{shape.where}.dimensions")
    coefficients: dict[str, int] = {}
    for item in shape.children("coefficients"):
        name = str(item.need("name"))
        default = item.whole("default", default=1, least=1) or 1
        coefficients[name] = instance.whole(name, default=default, least=1) or default
    instance.expect([*dims, *coefficients, "densities", "commonDensities"])
    bounds = {}
    for dim in dims:
        if dim not in instance.data:
            instance.need(dim)
        bounds[dim] = instance.whole(dim, least=1) or 1
    projections: dict[str, Projection] = {}
    written = []
    for space in shape.children("data-spaces"):
        name = str(space.need("name"))
        projections[name] = tuple(
            tuple(_term(term, coefficients, space.where) for term in rank)
            for rank in _ranks(space.need("projection"), f"{space.where}.projection")
        )
        if space.get("read-write", default=False):
            written.append(name)
    if len(written) != 1:
        raise InputError(
            f"found {len(written)} read-write data-spaces, expected one",
            where=f"{shape.where}.data-spaces",
        )
    return Problem.build(bounds, projections, written=written[0])


def read_densities(document: Node, problem: Problem) -> dict[str, tuple[str, dict[str, float]]]:
    """Return each tensor's density pattern and its parameters; tensors not named are dense."""
    instance = document.child("problem").child("instance")
    given = instance.child("densities")
    given.expect(problem.tensors)
    for name in given.data:
        if name not in problem.tensors:
            raise InputError(
                "no such data-space", where=f"{given.where}.{name}",
                remedy=f"Data-spaces: {', '.join(problem.tensors)}",
            )  # fmt: skip
    patterns: dict[str, tuple[str, dict[str, float]]] = {}
    for tensor in problem.tensors:
        value: Any = given.data.get(tensor, 1.0)
        if isinstance(value, dict):
            spec = given.child(tensor)
            spec.expect(["distribution", "density", "band_width", "workload_tensor_size"])
            pattern = str(spec.need("distribution"))
            numbers = {
                str(key): float(spec.number(str(key)) or 0.0)
                for key in spec.data
                if key != "distribution"
            }
            if "density" not in numbers and pattern != "banded":
                spec.need("density")
        else:
            pattern, numbers = "fixed-structured", {"density": float(given.number(
                tensor, default=1.0) or 0.0)}  # fmt: skip
        density = numbers.get("density", 0.0)
        if not 0 <= density <= 1:
            raise InputError(
                f"found {density}, expected a fraction from 0 to 1", where=f"{given.where}.{tensor}"
            )
        patterns[tensor] = (pattern, numbers)
    return patterns


def _ranks(projection: object, where: str) -> list[list[list[str]]]:
    # A rank is a list of products; a bare name stands for one product of one factor.
    if not isinstance(projection, list):
        raise InputError(f"found {projection!r:.60}, expected a list of ranks", where=where)
    return [
        [texts([term] if isinstance(term, str) else term, where) for term in rank]
        if isinstance(rank, list)
        else [texts([rank], where)]
        for rank in projection
    ]


def _term(term: list[str], coefficients: dict[str, int], where: str) -> tuple[str, int]:
    loops = [name for name in term if name not in coefficients]
    if len(loops) != 1:
        raise InputError(f"found the product {term}, expected one loop in it", where=where)
    factor = 1
    for name in term:
        factor *= coefficients.get(name, 1)
    return loops[0], factor


Shape = tuple[int, int]


class BandedTiles(DensityModel):
    """A banded matrix, asked by size about the tiles of known shapes.

    >>> tiles = BandedTiles(Banded(side=4, width=0), {4: (2, 2), 16: (4, 4)})
    >>> tiles.p_empty([4, 16]).tolist(), tiles.p_empty_within([4], 16, [4]).tolist()
    ([0.5, 0.0], [[0.5]])
    """

    def __init__(self, matrix: Banded, shapes: dict[int, Shape]) -> None:
        self.matrix = matrix
        self.shapes = {1: (1, 1), **shapes}
        self.density = matrix.density

    def occupancies(self, size: int) -> Occupancies:
        """Distribution of the non-zeros over the aligned tiles of a size."""
        return self.matrix.occupancies_of(self._shape(size))

    def p_empty(self, sizes: npt.ArrayLike) -> Reals:
        """Probability that a tile of each size is empty."""
        flat = np.asarray(sizes, np.int64)
        found = [self.occupancies(int(size)).p_empty for size in flat.ravel()]
        return np.array(found).reshape(flat.shape)

    def maximum(self, sizes: npt.ArrayLike) -> Sizes:
        """Most non-zeros in a tile of each size."""
        flat = np.asarray(sizes, np.int64)
        found = [self.occupancies(int(size)).maximum for size in flat.ravel()]
        return np.array(found, np.int64).reshape(flat.shape)

    def p_empty_within(self, sizes: npt.ArrayLike, tile: int, held: npt.ArrayLike) -> Reals:
        """Fraction of empty parts of the first tile that holds so much, [held, sizes].

        Timeloop adds that tile's own place twice (src/workload/density-models/
        banded-distribution.cpp, GetZeroOccupancyProbForConstrainedTileMold), so that away from
        the origin parts end before they begin and count as empty.
        """
        rows, columns = self._shape(tile)
        counts = self.matrix.counts(rows, columns)
        found = np.ones((len(np.asarray(held)), len(np.asarray(sizes))))
        for v, count in enumerate(np.asarray(held)):
            places = np.argwhere(counts == count)
            if not len(places):
                continue
            top, left = int(places[0, 0]) * rows, int(places[0, 1]) * columns
            for s, size in enumerate(np.asarray(sizes)):
                found[v, s] = self._empty_parts(top, left, (rows, columns), self._shape(int(size)))
        return found

    def _empty_parts(self, top: int, left: int, whole: Shape, part: Shape) -> float:
        down, along = whole[0] // part[0], whole[1] // part[1]
        empty = 0
        for i in range(down):
            for j in range(along):
                row, column = top + i * part[0], left + j * part[1]
                first = (top + row, left + column)
                last = (row + part[0], column + part[1])
                empty += not self._has_any(first, last)
        return empty / max(1, down * along)

    def _has_any(self, first: Shape, last: Shape) -> bool:
        return any(
            max(first[1], row - self.matrix.width) < min(last[1], row + self.matrix.width + 1)
            for row in range(first[0], last[0])
        )

    def _shape(self, size: int) -> Shape:
        if size not in self.shapes:
            raise InputError(f"no tile of {size} values under this mapping", where="banded")
        return self.shapes[size]


def banded_under(matrix: Banded, plan: Plan, mapping: Mapping, x: int) -> BandedTiles:
    """Return a banded tensor with the shapes its tiles have under a mapping."""
    coefficients = plan.problem.coefficients[x]
    shapes: dict[int, Shape] = {}

    def note(sizes: npt.NDArray[np.int64]) -> None:
        rows, columns = (1 + coefficients[:2] @ (sizes - 1)).tolist()
        shapes.setdefault(rows * columns, (rows, columns))

    sizes = np.ones(len(mapping.dims), np.int64)
    for slot in range(len(mapping.factors) - 1, -1, -1):
        for d in reversed(mapping.order[slot]):
            sizes[d] *= mapping.factors[slot, d]
            note(sizes)
    for loops in leader_loops(plan, mapping, x):
        note(loops)
    return BandedTiles(matrix, shapes)
