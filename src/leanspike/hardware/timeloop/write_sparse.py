"""Writing formats, gating and skipping as Timeloop's sparse_optimizations."""

from __future__ import annotations

from typing import Any

from leanspike.hardware.architecture import Format
from leanspike.hardware.counts.plan import Plan


def sparse_targets(plan: Plan) -> list[dict[str, Any]]:
    """Return the targets of Timeloop's sparse_optimizations."""
    targets: list[dict[str, Any]] = []
    for i, level in enumerate(plan.architecture.levels):
        target: dict[str, Any] = {"name": level.name}
        spaces = [_space(plan, i, x, layout) for x, layout in enumerate(plan.formats[i]) if layout]
        if spaces:
            target["representation-format"] = {"data-spaces": spaces}
        actions = [
            {"type": kind, "target": c.target, "condition-on": list(c.when_empty)}
            for kind, conditions in (("gating", level.gates), ("skipping", level.skips))
            for c in conditions
        ]
        if actions:
            target["action-optimization"] = actions
        if len(target) > 1:
            targets.append(target)
    unit = plan.architecture.compute
    kinds = [kind for kind, on in (("gating", unit.gates), ("skipping", unit.skips)) if on]
    if kinds:
        targets.append(
            {"name": unit.name, "compute-optimization": [{"type": kind} for kind in kinds]}
        )
    return targets


def _space(plan: Plan, i: int, x: int, layout: Format) -> dict[str, Any]:
    dims = plan.problem.dims
    used = [dim for dim, u in zip(dims, plan.problem.uses(x), strict=True) if u]
    ranks = []
    for r, rank in enumerate(layout.ranks):
        place = len(layout.ranks) - 1 - r
        metadata, payload = (int(bits) for bits in plan.word_bits[i, x, place])
        written: dict[str, Any] = {
            "format": "B" if rank.format == "UBM" else rank.format,
            "metadata-word-bits": metadata,
            "payload-word-bits": payload,
        }
        if rank.loops is None and not layout.from_inside:
            written["flattened-rankIDs"] = [used]
        elif rank.loops:
            written["flattened-rankIDs"] = [list(group) for group in rank.groups]
        ranks.append(written)
    space: dict[str, Any] = {"name": plan.problem.tensors[x], "ranks": ranks}
    if layout.from_inside:
        space["rank-application-order"] = "inner-to-outer"
    return space
