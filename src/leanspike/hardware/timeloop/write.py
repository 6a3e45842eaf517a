"""Writing formats, gating and skipping as Timeloop's sparse_optimizations.

Writing an architecture, a problem and a mapping as a Timeloop 0.3 input.

What is written reads back (:func:`~leanspike.hardware.timeloop.read.read_timeloop`) as the same
counts under ``sparseloop``. What Timeloop has no words for is not in the file: the membrane state
and neurons, leakage, bits per tensor (a level's words are as wide as its widest tensor's), and
every assumption of ``physical``.
"""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Any

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture, Format, Level, LoopRule
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.energy import Pricing
from leanspike.hardware.model.plan import Plan
from leanspike.hardware.timeloop.architecture import entry_names
from leanspike.hardware.workload.problem import Problem
from leanspike.spec import write_yaml


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


Densities = dict[str, tuple[str, dict[str, float]]]


def write_timeloop(
    path: str | Path,
    plan: Plan,
    pricing: Pricing,
    densities: Densities,
    *,
    mapping: Mapping | None = None,
) -> None:
    """Write a Timeloop input file.

    With a mapping it is an input of Timeloop's model, without one the map-space constraints of
    its mapper.

    Raises
    ------
    InputError
        When the file cannot be written, or the mapping cannot be written in it.
    """
    write_yaml(timeloop_document(plan, pricing, densities, mapping=mapping), Path(path))


def timeloop_document(
    plan: Plan, pricing: Pricing, densities: Densities, *, mapping: Mapping | None = None
) -> dict[str, Any]:
    """Return a Timeloop input as plain data; see :func:`write_timeloop`."""
    chip, problem = plan.architecture, plan.problem
    locals_ = [_storage(plan, i) for i in range(len(chip.levels))]
    locals_.append(
        {
            "name": _instances(chip, len(chip.levels), chip.compute.name),
            "class": "compute",
            "attributes": {"datawidth": 8, "meshX": _mesh_x(chip, len(chip.levels))},
        }
    )
    document: dict[str, Any] = {
        "architecture": {"version": 0.3, "subtree": [{"name": chip.name, "local": locals_}]},
        "ERT": {"version": 0.3, "tables": _energies(plan, pricing)},
        "ART": {"version": 0.3, "tables": _areas(chip, pricing)},
        "problem": _problem(problem, densities),
    }
    if mapping is not None:
        document["mapping"] = [*_bypass(plan), *_mapping(plan, mapping)]
    else:
        document["mapspace_constraints"] = {"targets": [*_bypass(plan), *_rules(plan)]}
    targets = sparse_targets(plan)
    if targets:
        document["sparse_optimizations"] = {"targets": targets}
    return document


def _instances(chip: Architecture, level: int, name: str) -> str:
    count = chip.instances(level)
    return f"{name}[0..{count - 1}]" if count > 1 else name


def _mesh_x(chip: Architecture, level: int) -> int:
    wide = 1
    for above in chip.levels[:level]:
        wide *= above.fanout.x
    return wide


def _storage(plan: Plan, i: int) -> dict[str, Any]:
    level = plan.architecture.levels[i]
    bits = int(max(plan.value_bits[i].max(), 1))
    width = max(level.width or bits, bits) // bits * bits
    attributes: dict[str, Any] = {
        "datawidth": bits,
        "width": width,
        "block_size": width // bits,
        "meshX": _mesh_x(plan.architecture, i),
        "decompression_supported": True,
        "compression_supported": True,
    }
    if isfinite(plan.capacity[i]):
        attributes["entries"] = int(plan.capacity[i] // bits)
    elif not level.keeps:
        attributes["entries"] = 0
    if plan.metadata_width[i]:
        attributes["metadata_storage_width"] = int(plan.metadata_width[i])
        room = plan.metadata_capacity[i] if plan.metadata_capacity[i] >= 0 else plan.capacity[i]
        rows = room // plan.metadata_width[i] if isfinite(room) else 0
        attributes["metadata_storage_depth"] = int(rows)
    for way, key in (("read", "read_bandwidth"), ("write", "write_bandwidth")):
        if getattr(level.bandwidth, way) is not None:
            attributes[key] = getattr(level.bandwidth, way)
    if level.bandwidth.shared is not None:
        attributes["shared_bandwidth"] = level.bandwidth.shared
    return {
        "name": _instances(plan.architecture, i, level.name),
        "class": "storage" if "entries" in attributes else "DRAM",
        "attributes": attributes,
    }


def _energies(plan: Plan, pricing: Pricing) -> list[dict[str, Any]]:
    chip = plan.architecture
    storage, compute = entry_names()
    tables = []
    for i, level in enumerate(chip.levels):
        kept = [x for x in range(len(plan.problem.tensors)) if plan.keep[i, x]] or [0]
        # Prices differ by tensor only where a row is one value wide: the dearest stands for all.
        energies = pricing.storage[i, kept].max(axis=0)
        *energies, wire = energies.tolist()
        if wire > 0:
            raise InputError(
                "the energy table of a storage level has no place for wires",
                where=f"{chip.name}, level {level.name}.energy.wire",
                remedy="Remove the price, or add it to a network in the written file",
            )
        tables.append(_table(f"{chip.name}.{level.name}", storage, energies))
    tables.append(_table(f"{chip.name}.{chip.compute.name}", compute, pricing.compute.tolist()))
    return tables


def _table(name: str, actions: tuple[str, ...], energies: list[float]) -> dict[str, Any]:
    pairs = zip(actions, energies, strict=True)
    return {"name": name, "actions": [{"name": a, "energy": float(e)} for a, e in pairs]}


def _areas(chip: Architecture, pricing: Pricing) -> list[dict[str, Any]]:
    names = [level.name for level in chip.levels] + [chip.compute.name]
    return [
        {"name": f"{chip.name}.{name}", "area": pricing.area[name] / chip.instances(i)}
        for i, name in enumerate(names)
    ]


def _problem(problem: Problem, densities: Densities) -> dict[str, Any]:
    spaces, coefficients = [], set()
    for x, tensor in enumerate(problem.tensors):
        projection = []
        for rank in problem.coefficients[x]:
            terms = []
            for dim, c in zip(problem.dims, rank, strict=True):
                if c == 1:
                    terms.append([dim])
                elif c > 1:
                    terms.append([dim, f"times{c}"])
                    coefficients.add(int(c))
            if terms:
                projection.append(terms)
        space: dict[str, Any] = {"name": tensor, "projection": projection}
        if x == problem.written:
            space["read-write"] = True
        spaces.append(space)
    shape: dict[str, Any] = {"name": "layer", "dimensions": list(problem.dims)}
    if coefficients:
        shape["coefficients"] = [{"name": f"times{c}", "default": c} for c in sorted(coefficients)]
    shape["data-spaces"] = spaces
    bounds = {d: int(n) for d, n in zip(problem.dims, problem.bounds, strict=True)}
    given = {
        name: {"distribution": "hypergeometric" if pattern == "uniform" else pattern, **numbers}
        for name, (pattern, numbers) in densities.items()
    }
    return {"shape": shape, "instance": {**bounds, "densities": given}}


def _bypass(plan: Plan) -> list[dict[str, Any]]:
    tensors = plan.problem.tensors
    return [
        {
            "target": level.name,
            "type": "bypass",
            "keep": [name for x, name in enumerate(tensors) if plan.keep[i, x]],
            "bypass": [name for x, name in enumerate(tensors) if not plan.keep[i, x]],
        }
        for i, level in enumerate(plan.architecture.levels)
    ]


def _mapping(plan: Plan, mapping: Mapping) -> list[dict[str, Any]]:
    targets = []
    for i, level in enumerate(plan.architecture.levels):
        y, x = mapping.factors[3 * i + 1], mapping.factors[3 * i + 2]
        if level.fanout.total > 1:
            both = [dim for d, dim in enumerate(mapping.dims) if y[d] > 1 and x[d] > 1]
            if both:
                raise InputError(
                    f"{both[0]} runs along x and y at once, which Timeloop cannot say",
                    where=f"mapping, level {level.name}",
                )
            k = mapping.along_x[i]
            along = [d for d in reversed(mapping.order[3 * i + 2]) if x[d] > 1]
            if k >= 0:
                along = list(reversed(mapping.order[3 * i + 2]))[:k]
            down = [d for d in reversed(mapping.order[3 * i + 1]) if d not in along]
            targets.append(
                {
                    "target": level.name,
                    "type": "spatial",
                    "factors": _factors(mapping.dims, (x * y).tolist()),
                    "permutation": "".join(mapping.dims[d] for d in [*along, *down]),
                    "split": len(along),
                }
            )
        targets.append(
            {
                "target": level.name,
                "type": "temporal",
                "factors": _factors(mapping.dims, mapping.factors[3 * i].tolist()),
                "permutation": "".join(mapping.dims[d] for d in reversed(mapping.order[3 * i])),
            }
        )
    return targets


def _factors(dims: tuple[str, ...], steps: list[int]) -> str:
    return " ".join(f"{dim}={n}" for dim, n in zip(dims, steps, strict=True))


def _rules(plan: Plan) -> list[dict[str, Any]]:
    targets = []
    for level in plan.architecture.levels:
        targets.append(
            {"target": level.name, "type": "temporal", **_rule(level.time, plan.problem.dims)}
        )
        if level.fanout.total > 1:
            targets.append({"target": level.name, "type": "spatial", **_spatial_rule(level, plan)})
    return targets


def _rule(rule: LoopRule, dims: tuple[str, ...]) -> dict[str, str]:
    inner = "".join(reversed([d for d in rule.inner if d in dims]))
    outer = "".join(reversed([d for d in rule.outer if d in dims]))
    written = {"factors": _limits(rule, dims)}
    if outer:
        written["permutation"] = f"{inner}_{outer}"
    elif inner:
        written["permutation"] = inner
    return written


def _limits(rule: LoopRule, dims: tuple[str, ...]) -> str:
    items = {dim: "=1" for dim in dims if rule.dims is not None and dim not in rule.dims}
    for sign, given in ((">=", rule.least), ("<=", rule.most), ("=", rule.factors)):
        items.update({dim: f"{sign}{steps}" for dim, steps in given.items() if dim in dims})
    return " ".join(f"{dim}{limit}" for dim, limit in items.items())


def _spatial_rule(level: Level, plan: Plan) -> dict[str, Any]:
    dims = plan.problem.dims
    if level.one_axis and level.x.dims is None and level.y.dims is None:
        return {"factors": _limits(level.x, dims)}
    # A loop allowed along both axes runs along x: Timeloop has one place for it.
    on_x = [d for d in dims if level.fanout.x > 1 and d in (level.x.dims or dims)]
    rest = [d for d in dims if d not in on_x]
    on_y = [d for d in rest if level.fanout.y > 1 and d in (level.y.dims or dims)]
    factors = [_limits(level.x, tuple(on_x)), _limits(level.y, tuple(on_y))]
    factors += [f"{d}=1" for d in rest if d not in on_y]
    return {
        "factors": " ".join(text for text in factors if text),
        "permutation": "".join([*on_x, *rest]),
        "split": len(on_x),
    }
