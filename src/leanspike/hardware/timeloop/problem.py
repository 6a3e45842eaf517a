"""Timeloop's problem: its shape, bounds and densities."""

from __future__ import annotations

from typing import Any

from leanspike.errors import InputError
from leanspike.hardware.problem import Problem, Projection
from leanspike.hardware.timeloop.document import Node


def read_problem(document: Node) -> Problem:
    """Return the loop nest a Timeloop input describes."""
    problem = document.child("problem")
    shape, instance = problem.child("shape"), problem.child("instance")
    if not problem.data:
        document.need("problem")
    dims = [str(dim) for dim in shape.need("dimensions")]
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
            for rank in _ranks(space.need("projection"))
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


def _ranks(projection: Any) -> list[list[list[str]]]:
    # A rank is a list of products; a bare name stands for one product of one factor.
    return [
        [[str(term)] if isinstance(term, str) else [str(t) for t in term] for term in rank]
        if isinstance(rank, list)
        else [[str(rank)]]
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
