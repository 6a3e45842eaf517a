"""From an architecture's loop rules to the map space of one problem."""

from __future__ import annotations

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture, Level, LoopRule
from leanspike.hardware.mapping.map_space import LoopGroup, MapSpace
from leanspike.hardware.mapping.mapping import SLOTS
from leanspike.hardware.mapping.orders import Reuse
from leanspike.hardware.workload.layer import DIMENSIONS
from leanspike.hardware.workload.problem import Problem

#: Loops a rule may name although this layer does not have them: a layer without groups has no G.
_KNOWN = (*DIMENSIONS, "G")


def map_space(problem: Problem, architecture: Architecture) -> MapSpace:
    """Return the loop nests that an architecture's rules leave a problem.

    The groups are the slots of a :class:`~leanspike.hardware.mapping.Mapping`, in its order.

    Raises
    ------
    InputError
        When a rule names an unknown loop, or no split of a bound satisfies the rules; it names
        level, slot and loop.
    """
    groups = tuple(_group(level, slot, problem) for level in architecture.levels for slot in SLOTS)
    bounds = dict(zip(problem.dims, (int(bound) for bound in problem.bounds), strict=True))
    one_axis = tuple(
        (3 * i + 1, 3 * i + 2) for i, level in enumerate(architecture.levels) if level.one_axis
    )
    return MapSpace(bounds, groups, one_axis)


def _group(level: Level, slot: str, problem: Problem) -> LoopGroup:
    rule: LoopRule = getattr(level, slot)
    name = f"{level.name} {slot}"
    named = (*rule.factors, *rule.least, *rule.most, *rule.outer, *rule.inner, *(rule.dims or ()))
    for dim in named:
        if dim not in problem.dims and dim not in _KNOWN:
            raise InputError(
                f"found the loop {dim!r}, expected one of {', '.join(problem.dims)}", where=name
            )
    instances = None if slot == "time" else int(getattr(level.fanout, slot))
    allowed = None if rule.dims is None else frozenset(rule.dims) & frozenset(problem.dims)

    def here(given: dict[str, int]) -> dict[str, int]:
        return {dim: value for dim, value in given.items() if dim in problem.dims}

    return LoopGroup(
        name,
        fixed=here(rule.factors),
        least=here(rule.least),
        most=here(rule.most),
        only=frozenset() if instances == 1 else allowed,
        # Rules are written outermost first, groups innermost first.
        inner=tuple(dim for dim in reversed(rule.inner) if dim in problem.dims),
        outer=tuple(dim for dim in reversed(rule.outer) if dim in problem.dims),
        instances=instances,
    )


def reuse_of(problem: Problem, architecture: Architecture) -> Reuse:
    """Return what the order of loops can matter by, for every tensor of the problem."""
    moves, slides = {}, {}
    for x, tensor in enumerate(problem.tensors):
        used = problem.uses(x)
        moves[tensor] = frozenset(d for d, u in zip(problem.dims, used, strict=True) if u)
        # Two loops in one rank slide over each other; a loop alone in its ranks leaves no overlap.
        running = (problem.coefficients[x] != 0) & (problem.bounds > 1)
        shared = running[running.sum(axis=1) > 1].any(axis=0)
        slides[tensor] = frozenset(d for d, s in zip(problem.dims, shared, strict=True) if s)
    if architecture.neuron is not None and architecture.neuron.state:
        # The membrane is indexed as the outputs are, but over no time.
        moves["State"] = moves[problem.tensors[problem.written]] - {"T"}
    targets, rows = set(), set()
    for i, level in enumerate(architecture.levels):
        for condition in (*level.skips, *level.gates):
            targets.add(condition.target)
            # A level that does not keep the target acts where it comes from.
            sources = [lv for lv in architecture.levels[: i + 1] if condition.target in lv.keeps]
            if sources and sources[-1].width is not None:
                rows.add(condition.target)
    return Reuse(moves, slides, frozenset(targets), frozenset(rows))
