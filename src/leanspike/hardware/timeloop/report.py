"""Costs of a Timeloop input under the names Timeloop's own statistics have.

Counts are per instance; a total is count times ``instances_avg``. Level 0 of Timeloop is the
innermost, so levels are listed from the inside out.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil, isqrt
from pathlib import Path
from typing import Any

import numpy as np

from leanspike.errors import InputError
from leanspike.hardware.model.actions import READ, UPDATE
from leanspike.hardware.model.case import Case
from leanspike.hardware.model.contents import Content
from leanspike.hardware.model.energy import Pricing
from leanspike.hardware.model.evaluate import Evaluation
from leanspike.hardware.model.plan import Bits, Plan
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.sparsity.density import Banded, DensityModel, density_model
from leanspike.hardware.timeloop.problem import banded_under
from leanspike.hardware.timeloop.read import TimeloopInput, read_timeloop
from leanspike.hardware.timeloop.sparse import check_compression
from leanspike.spec import named

_KINDS = ("reads", "fills", "updates")
_OUTCOMES = ("actual", "gated", "skipped")


def timeloop_case(found: TimeloopInput, semantics: Semantics) -> Case:
    """Compile a Timeloop input; its levels' word bits hold for every tensor."""
    problem = found.problem
    volumes = problem.volumes()
    models: list[DensityModel] = []
    for name in problem.tensors:
        pattern, numbers = found.densities[name]
        if pattern == "banded":
            models.append(_banded(found, name, volumes[name], int(numbers.get("band_width", 0))))
            continue
        models.append(density_model(pattern, density=numbers["density"], size=volumes[name]))
    plan = Plan.of(
        found.architecture, problem, Bits(dict.fromkeys(problem.tensors, 8), 8), semantics
    )
    # Rooms need not be whole rows.
    rooms = [part.room for part in found.parts[:-1]]
    plan = replace(
        plan,
        capacity=np.array([values for values, _ in rooms]),
        metadata_capacity=np.array([metadata for _, metadata in rooms]),
    )
    if semantics.whole_accesses:
        check_compression(plan, found.parts)
    return Case(
        name=found.architecture.name,
        plan=plan,
        models=tuple(models),
        pricing=Pricing.of(plan, semantics),
        semantics=semantics,
        cycle_ns=found.architecture.cycle_ns,
        neurons=False,
        dense=not found.optimizes_zeros,
    )


def _banded(found: TimeloopInput, name: str, volume: int, width: int) -> Banded:
    side = isqrt(volume)
    x = found.problem.tensors.index(name)
    shape = 1 + found.problem.coefficients[x] @ (found.problem.bounds - 1)
    if shape.tolist()[:2] != [side, side] or side * side != volume:
        raise InputError(
            f"found the shape {shape.tolist()}, expected a square matrix: the density is banded",
            where=f"problem.instance.densities.{name}",
        )
    return Banded(side=side, width=width)


def timeloop_report(path: str | Path, *, semantics: str = "sparseloop") -> dict[str, Any]:
    """Price a Timeloop input with the mapping it gives.

    Raises
    ------
    InputError
        When the file cannot be read, has no mapping, or the mapping does not fit.
    """
    found = read_timeloop(path)
    if found.mapping is None:
        raise InputError("missing", where=f"{path}.mapping", remedy="Or use: leanspike search")
    with named(path):
        case = timeloop_case(found, Semantics.preset(semantics))
    # Whether a banded tile is empty depends on its shape, which the mapping gives.
    models = tuple(
        banded_under(model, case.plan, found.mapping, x) if isinstance(model, Banded) else model
        for x, model in enumerate(case.models)
    )
    case = replace(case, models=models)
    with named(path):
        cost = case.cost(found.mapping)
    result = cost.evaluation
    chip, plan = found.architecture, case.plan
    inside_out = range(len(chip.levels) - 1, -1, -1)
    per_component = cost.energy_by("component")
    levels = [chip.levels[i].name for i in inside_out if plan.keep[i].any()]
    report: dict[str, Any] = {
        "cycles": _whole(cost.cycles),
        "compute_cycles": _whole(cost.compute_cycles),
        "cycles_per_level": {
            chip.compute.name: _whole(cost.compute_cycles),
            **{chip.levels[i].name: _whole(result.row.level_cycles[i]) for i in inside_out},
        },
        "energy_total_pJ": cost.energy_pj,
        "energy_per_component_pJ": {
            **{name: per_component.get(name, 0.0) for name in levels},
            "compute": per_component.get(chip.compute.name, 0.0),
        },
        "computes": _computes(case, result),
        "counts": {
            chip.levels[i].name: {
                name: _level(case, result, i, x, found)
                for x, name in enumerate(plan.problem.tensors)
                if plan.keep[i, x]
            }
            for i in inside_out
            if plan.keep[i].any()
        },
    }
    if found.unread:
        report["ignored_keys"] = list(found.unread)
    return report


def _computes(case: Case, result: Evaluation) -> dict[str, float]:
    if case.dense:
        return {"computes": case.plan.problem.computes}
    actual, gated, skipped = (_whole(count) for count in result.row.computes)
    return {
        "algorithmic": case.plan.problem.computes,
        "actual": actual,
        "gated": gated,
        "skipped": skipped,
    }


def _level(case: Case, result: Evaluation, i: int, x: int, found: TimeloopInput) -> dict[str, Any]:
    content = result.contents[i][x]
    if content is None:
        raise InputError("keeps nothing", where=case.plan.architecture.levels[i].name)
    row, layout = result.row, case.plan.formats[i][x]
    is_output = x == case.plan.problem.written
    reductions = float(row.dense[i, x, READ]) if is_output else 0.0
    if is_output and row.dense[i, x, UPDATE]:
        reductions = ceil(reductions * row.data[i, x, UPDATE] / row.dense[i, x, UPDATE])
    energy = float((row.accesses[i, x] * case.pricing.storage[i, x]).sum())
    energy *= case.clustering(i, int(result.nest.instances[i]))
    dense = case.dense
    names = " ".join(rank.format.lower() for rank in layout.ranks) if layout else "none"
    counts: dict[str, Any] = {
        "tile_shape": int(result.nest.tile[i, x]),
        "utilized_capacity": content.values,
        "format": None if dense else names.replace("ubm", "b"),
        "metadata_capacity": None if dense else _metadata_capacity(content),
        "density_model": None if dense else _density_name(found, x),
        "instances_max": int(result.nest.instances[i]),
        "instances_avg": float(row.instances[i, x]),
        "partition_size": int(result.nest.partition[i, x]),
        "temporal_reductions": _whole(reductions),
        "energy_total_pJ": energy * float(row.instances[i, x]),
    }
    for kind, name in enumerate(_KINDS):
        entry: dict[str, Any] = {"algorithmic": _whole(row.dense[i, x, kind])}
        for o, outcome in enumerate(_OUTCOMES):
            entry[outcome] = _whole(row.data[i, x, kind + 3 * o])
        for o, outcome in enumerate(_OUTCOMES):
            words = row.metadata[i, x, kind + 3 * o]
            if (words * result.word_bits[i, x]).any():
                ranks = len(content.words)
                entry[f"format_{outcome}"] = {
                    f"rank{r}": {"metadata": _whole(words[r, 0]), "payload": _whole(words[r, 1])}
                    for r in range(ranks - 1, -1, -1)
                }
        counts[name] = entry
    return counts


def _density_name(found: TimeloopInput, x: int) -> str:
    pattern, numbers = found.densities[found.problem.tensors[x]]
    return f"banded-{int(numbers.get('band_width', 0))}" if pattern == "banded" else pattern


def _metadata_capacity(content: Content) -> Any:
    if not len(content.words):
        return 0
    return {
        f"rank{r}": {
            "metadata": ceil(content.most_words[r, 0]),
            "payload": ceil(content.most_words[r, 1]),
        }
        for r in range(len(content.words) - 1, -1, -1)
    }


def _whole(value: float) -> float | int:
    """Return a count as an integer where it is one."""
    number = float(value)
    return int(number) if number.is_integer() else number
