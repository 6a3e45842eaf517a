"""Timeloop's mapping, and its map-space constraints as loop rules."""

from __future__ import annotations

from typing import Any

import numpy as np

from leanspike.arrays import Ints
from leanspike.errors import InputError
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.timeloop.architecture import Part
from leanspike.hardware.timeloop.document import Node, parse_factors
from leanspike.hardware.workload.problem import Problem


def read_keeps(
    targets: list[Node], parts: list[Part], problem: Problem
) -> dict[str, tuple[str, ...]]:
    """Return the tensors each storage level keeps; unsaid ones are kept, as Timeloop does."""
    flags = _said_keeps(targets, parts, problem)
    return {
        level: tuple(tensor for tensor, kept in given.items() if kept is not False)
        for level, given in flags.items()
    }


def unsaid_keeps(targets: list[Node], parts: list[Part], problem: Problem) -> list[tuple[str, str]]:
    """Return the (level, tensor) pairs that may be kept or bypassed, outermost level first.

    Timeloop's mapper tries both wherever nothing is given, but for the outermost level
    (src/mapspaces/uber.cpp, InitDatatypeBypassNestSpace).
    """
    flags = _said_keeps(targets, parts, problem)
    return [
        (part.name, tensor)
        for part in parts[1:-1]
        for tensor, kept in flags[part.name].items()
        if kept is None
    ]


def _said_keeps(
    targets: list[Node], parts: list[Part], problem: Problem
) -> dict[str, dict[str, bool | None]]:
    """Return by level and tensor whether it is kept; None where nothing is given."""
    keeps: dict[str, dict[str, bool | None]] = {
        part.name: dict.fromkeys(problem.tensors) for part in parts[:-1]
    }
    for target in targets:
        if str(target.need("type")) not in ("bypass", "datatype"):
            continue
        kept = keeps[_level(target, parts).name]
        for key, value in (("keep", True), ("bypass", False)):
            for tensor in target.names(key):
                if tensor not in kept:
                    raise InputError(f"no data-space {tensor!r}", where=f"{target.where}.{key}")
                kept[tensor] = value
    return keeps


def read_mapping(document: Node, parts: list[Part], problem: Problem) -> Mapping | None:
    """Return the mapping of the file, or None when it has none.

    A factor of 0 stands for all that the other factors leave of the loop's bound. Permutations
    are written innermost first.
    """
    targets = document.children("mapping")
    if not targets:
        return None
    levels, dims = len(parts) - 1, len(problem.dims)
    factors = np.ones((3 * levels, dims), np.int64)
    order = np.tile(np.arange(dims - 1, -1, -1), (3 * levels, 1))
    split_at = np.full(levels, dims, np.int64)
    for target in targets:
        kind = str(target.need("type"))
        if kind in ("bypass", "datatype"):
            continue
        level = [part.name for part in parts].index(_level(target, parts).name)
        steps = parse_factors(str(target.get("factors", default="")), problem.dims, target.where)
        inside_out = _permutation(target, problem)
        inside_out += [dim for dim in problem.dims if dim not in inside_out]
        if kind == "temporal":
            slots = [(3 * level, inside_out)]
        elif kind == "spatial":
            split = min(dims, target.whole("split", default=dims) or 0)
            split_at[level] = split
            slots = [
                (3 * level + 1, inside_out[split:]),
                (3 * level + 2, inside_out[:split]),
            ]
        else:
            raise InputError(
                f"found {kind!r}, expected temporal, spatial or bypass",
                where=f"{target.where}.type",
            )
        for slot, used in slots:
            indices = [problem.dims.index(dim) for dim in used]
            for dim, d in zip(used, indices, strict=True):
                factors[slot, d] = steps.get(dim, 1)
            rest = [d for d in range(dims) if d not in indices]
            order[slot] = [*rest, *reversed(indices)]
    _fill_rest(factors, problem, document.where)
    mapping = Mapping(problem.dims, factors, order, split_at)
    mapping.check(problem, levels)
    return mapping


def _fill_rest(factors: Ints, problem: Problem, where: str) -> None:
    """Put what the other factors leave of a bound in place of a 0."""
    for d, dim in enumerate(problem.dims):
        open_slots = np.flatnonzero(factors[:, d] == 0)
        if len(open_slots) > 1:
            raise InputError(
                f"found {len(open_slots)} factors {dim}=0, expected at most one",
                where=f"{where}.mapping",
            )
        if len(open_slots):
            given = int(np.prod(factors[factors[:, d] > 0, d]))
            bound = int(problem.bounds[d])
            if bound % given:
                raise InputError(
                    f"the factors of {dim} multiply to {given}, which does not divide its bound "
                    f"{bound}",
                    where=f"{where}.mapping",
                )
            factors[open_slots[0], d] = bound // given


def read_rules(
    targets: list[Node], parts: list[Part], problem: Problem
) -> dict[str, dict[str, Any]]:
    """Return the loop rules of each level, as keyword arguments of Level."""
    rules: dict[str, dict[str, Any]] = {}
    for target in targets:
        kind = str(target.need("type"))
        if kind in ("bypass", "datatype"):
            continue
        part = _level(target, parts)
        rule = rules.setdefault(part.name, {})
        inside_out = _permutation(target, problem)
        factors, least, most = _limits(target, problem)
        common = {"factors": factors, "least": least, "most": most}
        if kind == "temporal":
            rule["time"] = {**common, **_ends(target, inside_out, problem)}
        elif kind == "spatial":
            split = target.whole("split")
            if split is None:
                rule["x"] = common  # for both axes together: Level.one_axis
                continue
            rule["one_axis"] = False
            along = inside_out + [dim for dim in problem.dims if dim not in inside_out]
            for axis, dims in (("x", along[:split]), ("y", along[split:])):
                rule[axis] = {
                    **{key: {d: n for d, n in value.items() if d in dims}
                       for key, value in common.items()},
                    "dims": dims,
                    "outer": list(reversed(dims)) if set(dims) <= set(inside_out) else [],
                }  # fmt: skip
        else:
            raise InputError(
                f"found {kind!r}, expected temporal, spatial or bypass",
                where=f"{target.where}.type",
            )
    return rules


def _limits(
    target: Node, problem: Problem
) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Split ``"C=2 M<=8"`` into fixed steps, least and most."""
    fixed, least, most = [], [], []
    for item in str(target.get("factors", default="")).split():
        if ">=" in item:
            least.append(item.replace(">=", "="))
        elif "<=" in item:
            most.append(item.replace("<=", "="))
        else:
            fixed.append(item)
    factors, low, high = (
        parse_factors(" ".join(items), problem.dims, target.where) for items in (fixed, least, most)
    )
    # Timeloop ignores a fixed factor beyond the loop's bound (src/mapspaces/uber.cpp warns).
    bounds = dict(zip(problem.dims, problem.bounds, strict=True))
    return {dim: n for dim, n in factors.items() if n <= bounds[dim]}, low, high


def _ends(target: Node, inside_out: list[str], problem: Problem) -> dict[str, list[str]]:
    """Return the loops held innermost and outermost; ``_`` stands for the free ones."""
    text = str(target.get("permutation", default="")).replace(" ", "")
    if "_" in text:
        inside, outside = (list(part) for part in text.split("_", 1))
        return {"inner": list(reversed(inside)), "outer": list(reversed(outside))}
    if len(inside_out) == len(problem.dims):
        return {"inner": [], "outer": list(reversed(inside_out))}
    return {"inner": list(reversed(inside_out)), "outer": []}


def _permutation(target: Node, problem: Problem) -> list[str]:
    text = target.get("permutation", default="")
    letters = [letter for letter in str(text).replace(",", " ") if letter not in " _"]
    for letter in letters:
        if letter not in problem.dims or letters.count(letter) > 1:
            raise InputError(
                f"found {text!r}, expected each loop at most once",
                where=f"{target.where}.permutation",
                remedy=f"Loops: {', '.join(problem.dims)}",
            )
    return letters


def _level(target: Node, parts: list[Part]) -> Part:
    name = str(target.need("target"))
    for part in parts[:-1]:
        if part.name == name:
            return part
    raise InputError(
        f"no storage level {name!r}", where=f"{target.where}.target",
        remedy=f"Levels: {', '.join(part.name for part in parts[:-1])}",
    )  # fmt: skip
