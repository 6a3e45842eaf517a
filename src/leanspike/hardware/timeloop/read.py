"""A whole Timeloop 0.3 input: architecture, energies, problem, mapping, constraints, sparsity."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.timeloop.architecture import (
    Part,
    compute_energy,
    read_areas,
    read_parts,
    read_tables,
    storage_energy,
)
from leanspike.hardware.timeloop.document import Node, read_document
from leanspike.hardware.timeloop.mapping import read_keeps, read_mapping, read_rules, unsaid_keeps
from leanspike.hardware.timeloop.problem import read_densities, read_problem
from leanspike.hardware.timeloop.sparse import Sparsity, read_sparsity
from leanspike.hardware.workload.problem import Problem
from leanspike.spec import parse_spec

_CONSTRAINTS = ("mapspace_constraints", "architecture_constraints", "constraints", "mapspace")
_SECTIONS = (
    "architecture", "ERT", "ART", "problem", "mapping", "sparse_optimizations", "mapper",
    "components", "compound_components", *_CONSTRAINTS,
)  # fmt: skip


@dataclass(frozen=True)
class TimeloopInput:
    """What a Timeloop file describes, as our objects.

    ``densities`` gives each tensor's pattern and its parameters; ``optimizes_zeros`` is whether
    the file has any sparse optimization (without one, Timeloop ignores densities).
    ``free`` are the (level, tensor) pairs of which the constraints leave open whether the level
    keeps the tensor; here it does. ``unread`` lists keys that were not understood and are ignored.
    ``parts`` are the components as written, the levels' first, outermost first.
    """

    architecture: Architecture
    problem: Problem
    densities: dict[str, tuple[str, dict[str, float]]]
    mapping: Mapping | None
    optimizes_zeros: bool
    free: tuple[tuple[str, str], ...]
    unread: tuple[str, ...]
    parts: tuple[Part, ...]


def read_timeloop(path: str | Path, *, bypassed: Collection[tuple[str, str]] = ()) -> TimeloopInput:
    """Read a Timeloop 0.3 input file.

    ``bypassed`` are pairs of level and tensor (see :attr:`TimeloopInput.free`) that are not kept.

    Raises
    ------
    InputError
        When the file cannot be read, lacks a section, contradicts itself, or asks for something
        that is not modelled; it names the file and the key.
    """
    document = read_document(Path(path))
    document.expect(_SECTIONS)
    name, parts = read_parts(document)
    problem = read_problem(document)
    densities = read_densities(document, problem)
    constraints = [
        target for section in _CONSTRAINTS for target in _targets(document, section)
    ]  # fmt: skip
    about_keeps = [*constraints, *document.children("mapping")]
    keeps = {
        level: tuple(tensor for tensor in tensors if (level, tensor) not in bypassed)
        for level, tensors in read_keeps(about_keeps, parts, problem).items()
    }
    rules = read_rules(constraints, parts, problem)
    sparsity = read_sparsity(document, parts, problem)
    tables, areas = read_tables(document), read_areas(document)
    levels = []
    for part, inside in pairwise(parts):
        about_zeros = sparsity.get(part.name, Sparsity())
        # Timeloop ignores the format of a tensor that the mapping makes pass by.
        about_zeros.formats = {
            tensor: layout
            for tensor, layout in about_zeros.formats.items()
            if tensor in keeps[part.name]
        }
        level = _level(part, inside, tables, areas, about_zeros)
        if not keeps[part.name]:
            # What everything passes by is wires here, whatever it could hold.
            level["depth"] = None
        # Timeloop has one loop in space per dimension: along x or along y.
        spread = {"one_axis": True, **rules.get(part.name, {})}
        levels.append({**level, "keeps": keeps[part.name], **spread})
    unit = parts[-1]
    compute: dict[str, object] = {
        "name": unit.name,
        "energy": compute_energy(tables.get(unit.name, {}), unit),
        "area": areas.get(unit.name),
    }
    compute.update(sparsity.get(unit.name, Sparsity()).compute)
    architecture = parse_spec(
        Architecture,
        {
            "name": name,
            "levels": levels,
            "compute": compute,
        },
        where=str(path),
    )
    unread = [*document.unread, *(key for part in parts for key in part.attributes.unread)]
    return TimeloopInput(
        architecture=architecture,
        problem=problem,
        densities=densities,
        mapping=read_mapping(document, parts, problem),
        optimizes_zeros=bool(sparsity),
        free=tuple(unsaid_keeps(about_keeps, parts, problem)),
        unread=tuple(unread),
        parts=tuple(parts),
    )


def _targets(document: Node, section: str) -> list[Node]:
    if section not in document.data:
        return []
    if isinstance(document.data[section], list):
        return document.children(section)
    return document.child(section).children("targets")


def _level(
    part: Part,
    inside: Part,
    tables: dict[str, dict[str, float]],
    areas: dict[str, float],
    sparsity: Sparsity,
) -> dict[str, object]:
    if inside.instances % part.instances or inside.mesh_x % part.mesh_x:
        raise InputError(
            f"found {inside.instances} instances ({inside.mesh_x} along x) below "
            f"{part.instances} ({part.mesh_x} along x), expected multiples",
            where=inside.attributes.where,
        )
    attributes = part.attributes
    whole = attributes.number("bandwidth")
    half = None if whole is None else whole / 2
    entries = tables.get(part.name, {})
    level: dict[str, object] = {
        "name": part.name,
        "depth": part.words // part.block if part.words else None,
        "width": part.word_bits * part.block,
        "word_bits": part.word_bits,
        "cluster": part.cluster,
        "metadata": {"width": part.metadata_width, "depth": part.metadata_depth},
        "bandwidth": {
            # Timeloop shares a plain bandwidth out evenly.
            "read": attributes.number("read_bandwidth", default=half),
            "write": attributes.number("write_bandwidth", default=half),
            "shared": attributes.number("shared_bandwidth"),
        },
        "fanout": {
            "x": inside.mesh_x // part.mesh_x,
            "y": inside.mesh_y // part.mesh_y,
        },
        "energy": storage_energy(entries, part),
        "area": areas.get(part.name),
        "formats": sparsity.formats,
        "skips": sparsity.skips,
        "gates": sparsity.gates,
    }
    return level
