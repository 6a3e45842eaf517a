"""Timeloop's sparse_optimizations: formats, gating and skipping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any

from leanspike.errors import InputError
from leanspike.hardware.model.plan import Plan
from leanspike.hardware.timeloop.architecture import Part, fitted_bits
from leanspike.hardware.timeloop.document import Node, texts
from leanspike.hardware.workload.problem import Problem

_FORMATS = {"UOP": "UOP", "B": "UBM", "CP": "CP", "RLE": "RLE", "UB": None, "U": None}


@dataclass
class Sparsity:
    """What one level does about zeros, as keyword arguments of Level or Compute."""

    formats: dict[str, Any] = field(default_factory=dict)
    skips: list[Any] = field(default_factory=list)
    gates: list[Any] = field(default_factory=list)
    compute: dict[str, bool] = field(default_factory=dict)


def read_sparsity(document: Node, parts: list[Part], problem: Problem) -> dict[str, Sparsity]:
    """Return what each level does about zeros, by its name."""
    by_name = {part.name: part for part in parts}
    found: dict[str, Sparsity] = {}
    for target in document.child("sparse_optimizations").children("targets"):
        name = str(target.need("name"))
        if name not in by_name:
            raise InputError(
                f"no component {name!r}", where=target.where,
                remedy=f"Components: {', '.join(by_name)}",
            )  # fmt: skip
        target.expect(
            ("name", "representation-format", "action-optimization", "compute-optimization")
        )
        sparsity = found.setdefault(name, Sparsity())
        for space in target.child("representation-format").children("data-spaces"):
            tensor = _tensor(space.need("name"), problem, space.where)
            space.expect(("name", "ranks", "rank-application-order", "compression-rate"))
            ranks = [_rank(rank, by_name[name], problem) for rank in space.children("ranks")]
            kept = [rank["format"] != "UOP" for rank in ranks]
            if any(outer and not inner for outer, inner in pairwise(kept)):
                raise InputError(
                    "found UOP inside a rank that leaves out zeros, which Timeloop refuses",
                    where=f"{space.where}.ranks",
                )
            sparsity.formats[tensor] = {
                "ranks": ranks,
                "from_inside": space.get("rank-application-order") == "inner-to-outer",
            }
        for action in target.children("action-optimization"):
            _read_action(action, problem, sparsity)
        for action in target.children("compute-optimization"):
            kind = str(action.need("type"))
            if kind in ("gating", "gate-on-zero-operand"):
                sparsity.compute["gates"] = True
            elif kind in ("skipping", "skip_on_not_aligned_operands"):
                sparsity.compute["skips"] = True
            else:
                raise InputError(
                    f"found {kind!r}, expected gating or skipping", where=f"{action.where}.type"
                )
    return found


def check_compression(plan: Plan, parts: Sequence[Part]) -> None:
    """Raise InputError where Timeloop v3.0.3 refuses to pass tiles from level to level.

    Facts from src/sparse-analysis/sparse-analysis.cpp, CheckFormatModelsAndMapping, and
    storage-optimization-combiner.cpp, CalculateDecompressionCompressionCost.
    """
    if not plan.ranks.any():
        return
    for x, tensor in enumerate(plan.problem.tensors):
        for i, part in enumerate(parts[:-1]):
            outer = plan.parent(i, x)
            if not plan.keep[i, x] or outer < 0:
                continue
            above, here = plan.compressed[outer, x], plan.compressed[i, x]
            reason = ""
            if here and not above:
                reason = f"is compressed inside {parts[outer].name}, where it is not"
            elif above and not here and not part.decompresses:
                reason = f"arrives compressed from {parts[outer].name}: decompression_supported"
            elif above and not here and x == plan.problem.written and not part.compresses:
                reason = f"leaves compressed to {parts[outer].name}: compression_supported"
            elif above and here and plan.ranks[outer, x] < plan.ranks[i, x]:
                reason = f"has more ranks than in {parts[outer].name}"
            if reason:
                raise InputError(
                    f"{tensor} {reason}, which Timeloop refuses", where=f"level {part.name}"
                )


def _read_action(action: Node, problem: Problem, sparsity: Sparsity) -> None:
    kind = str(action.need("type"))
    if kind not in ("gating", "skipping"):
        raise InputError(
            f"found {kind!r}, expected gating or skipping", where=f"{action.where}.type",
            remedy="Spatial skipping is not modelled",
        )  # fmt: skip
    action.expect(("type", "options", "target", "condition-on"))
    options = action.children("options") or [action]
    chosen = [
        {
            "target": _tensor(option.need("target"), problem, option.where),
            "when_empty": [
                _tensor(name, problem, option.where)
                for name in texts(option.need("condition-on"), f"{option.where}.condition-on")
            ],
        }
        for option in options
    ]
    if len(chosen) > 1:
        raise InputError(
            f"found {len(chosen)} options, expected one: write the one wanted", where=action.where
        )
    (sparsity.gates if kind == "gating" else sparsity.skips).extend(chosen)


def _rank(rank: Node, part: Part, problem: Problem) -> dict[str, Any]:
    rank.expect(("format", "flattened-rankIDs", "metadata-word-bits", "payload-word-bits"))
    name = str(rank.need("format")).upper()
    format_name = _FORMATS.get(name)
    if format_name is None:
        raise InputError(
            f"found {name!r}, expected UOP, B, CP or RLE", where=f"{rank.where}.format"
        )
    default = 1 if format_name == "UBM" else None
    groups = rank.get("flattened-rankIDs", default=[])
    if not isinstance(groups, list):
        raise InputError(
            f"found {groups!r:.60}, expected lists of loops",
            where=f"{rank.where}.flattened-rankIDs",
        )
    loops = [texts(group, f"{rank.where}.flattened-rankIDs") for group in groups]
    for dim in chain.from_iterable(loops):
        if dim not in problem.dims:
            raise InputError(f"no loop {dim!r}", where=f"{rank.where}.flattened-rankIDs")
    return {
        "format": format_name,
        "metadata_bits": fitted_bits(rank.whole("metadata-word-bits", default=default), part,
                                     rank.where),
        "payload_bits": fitted_bits(rank.whole("payload-word-bits"), part, rank.where),
        "loops": loops,
    }  # fmt: skip


def _tensor(name: Any, problem: Problem, where: str) -> str:
    if str(name) not in problem.tensors:
        raise InputError(
            f"no data-space {name!r}", where=where,
            remedy=f"Data-spaces: {', '.join(problem.tensors)}",
        )  # fmt: skip
    return str(name)
