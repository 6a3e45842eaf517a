"""Timeloop's energy reference table (ERT) as energies per action.

Which table entry prices which action, and what holds when it is missing, follows Timeloop
v3.0.3, include/model/topology.hpp (operation mappings) and src/model/buffer.cpp (ParseSpecs,
UpdateOpEnergyViaERT).
"""

from __future__ import annotations

from leanspike.hardware.architecture import COMPUTE_ACTIONS, STORAGE_ACTIONS
from leanspike.hardware.timeloop.document import Node, parse_instances
from leanspike.hardware.timeloop.levels import Part

# For each of our actions the table's entries, best first.
_STORAGE: dict[str, tuple[str, ...]] = {
    "read": ("random_read", "read"),
    "write": ("random_fill", "write"),
    "update": ("random_update", "random_fill", "write"),
    "gated_read": ("gated_read", "idle", "read"),
    "gated_write": ("gated_fill", "gated_write", "idle", "write"),
    "gated_update": ("gated_update", "gated_write", "idle", "write"),
    "skipped_read": ("skipped_read", "gated_read", "idle", "read"),
    "skipped_write": ("skipped_fill", "skipped_write", "gated_write", "idle", "write"),
    "skipped_update": ("skipped_update", "skipped_write", "gated_write", "idle", "write"),
    "metadata_read": ("random_metadata_read", "metadata_read", "metadata_idle", "idle"),
    "metadata_write": ("random_metadata_fill", "metadata_write", "metadata_idle", "idle"),
    "metadata_update": ("random_metadata_update", "metadata_write", "metadata_idle", "idle"),
    "gated_metadata_read": ("gated_metadata_read", "metadata_idle", "metadata_read"),
    "gated_metadata_write": (
        "gated_metadata_fill", "gated_metadata_write", "metadata_idle", "metadata_write",
    ),
    "gated_metadata_update": (
        "gated_metadata_update", "gated_metadata_write", "metadata_idle", "metadata_write",
    ),
    "skipped_metadata_read": ("skipped_metadata_read", "metadata_idle", "metadata_read"),
    "skipped_metadata_write": (
        "skipped_metadata_fill", "skipped_metadata_write", "metadata_idle", "metadata_write",
    ),
    "skipped_metadata_update": (
        "skipped_metadata_update", "skipped_metadata_write", "metadata_idle", "metadata_write",
    ),
    "decompression": ("decompression_count",),
    "compression": ("compression_count",),
}  # fmt: skip
_COMPUTE: dict[str, tuple[str, ...]] = {
    "compute": ("mac_random", "mult_random", "mac", "mult", "compute"),
    "gated_compute": ("mac_gated", "mult_gated", "compute_gated", "mac", "mult", "compute"),
    "skipped_compute": (
        "mac_skipped", "mult_skipped", "compute_skipped",
        "mac_gated", "mult_gated", "compute_gated", "mac", "mult", "compute",
    ),
}  # fmt: skip


def entry_names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the table entries that price storage and compute actions, in their order."""
    storage = tuple(_STORAGE[action][0] for action in STORAGE_ACTIONS)
    return storage, tuple(_COMPUTE[action][0] for action in COMPUTE_ACTIONS)


def read_tables(document: Node) -> dict[str, dict[str, float]]:
    """Return the ERT as pJ by component name and table entry."""
    tables = {}
    for table in document.child("ERT").children("tables"):
        entries: dict[str, float] = {}
        for action in table.children("actions"):
            name = str(action.need("name"))
            energy = float(action.number("energy", default=0.0) or 0.0)
            entries[name] = max(energy, entries.get(name, 0.0))
        tables[_component(table)] = entries
    return tables


def read_areas(document: Node) -> dict[str, float]:
    """Return the area reference table (ART) as um2 by component name."""
    return {
        _component(table): float(table.number("area", default=0.0) or 0.0)
        for table in document.child("ART").children("tables")
    }


def storage_energy(entries: dict[str, float], part: Part) -> dict[str, float]:
    """Return pJ for every storage action.

    A plain access the table does not price costs what Timeloop's built-in estimate says.
    """
    plain = ("read", "write", "update")
    return {
        action: _first(entries, _STORAGE[action], built_in(part) if action in plain else 0.0)
        for action in STORAGE_ACTIONS
    }


def compute_energy(entries: dict[str, float], part: Part) -> dict[str, float]:
    """Return pJ for every compute action."""
    # Timeloop's built-in multiplier: 1 pJ at 16 x 16 bits.
    multiplier = (part.word_bits / 16) ** 2
    return {
        action: _first(entries, _COMPUTE[action], multiplier if action == "compute" else 0.0)
        for action in COMPUTE_ACTIONS
    }


def built_in(part: Part) -> float:
    """Return Timeloop's own estimate of an access in pJ.

    Its public estimator (pat-public) draws a line through two points of Eyeriss, 1 pJ at 0.5 KiB
    and 6 pJ at 100 KiB, both for 16 bits, and takes 200 pJ for 16 bits of DRAM.
    """
    width = part.word_bits * part.block * part.cluster
    if part.is_dram:
        return 200.0 * width / 16
    if not part.words:
        return 0.0
    kibibytes = width * -(-part.words // part.block) / 8192
    return (1.0 + 5.0 * (kibibytes - 0.5) / 99.5) * width / 16 / part.cluster


def _first(entries: dict[str, float], names: tuple[str, ...], otherwise: float) -> float:
    return next((entries[name] for name in names if name in entries), otherwise)


def _component(table: Node) -> str:
    name = str(table.need("name"))
    # system.PE[0..3].Buffer: dots inside brackets do not separate.
    depth, start = 0, 0
    for i, letter in enumerate(name):
        depth += (letter == "[") - (letter == "]")
        if letter == "." and depth == 0:
            start = i + 1
    return parse_instances(name[start:], table.where)[0]
