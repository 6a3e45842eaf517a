"""Timeloop's energy reference table (ERT) as energies per action.

Which table entry prices which action, and what holds when it is missing, follows Timeloop
v3.0.3, include/model/topology.hpp (operation mappings) and src/model/buffer.cpp (ParseSpecs,
UpdateOpEnergyViaERT).
"""

from __future__ import annotations

from leanspike.hardware.architecture import COMPUTE_ACTIONS, STORAGE_ACTIONS
from leanspike.hardware.timeloop.document import Node, parse_instances

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


def storage_energy(entries: dict[str, float], cluster: int) -> dict[str, float]:
    """Return pJ for every storage action; plain accesses fall back on the dearest entry."""
    dearest = max(entries.values(), default=0.0) / cluster
    plain = ("read", "write", "update")
    return {
        action: _first(entries, _STORAGE[action], dearest if action in plain else 0.0)
        for action in STORAGE_ACTIONS
    }


def compute_energy(entries: dict[str, float]) -> dict[str, float]:
    """Return pJ for every compute action."""
    dearest = max(entries.values(), default=0.0)
    return {
        action: _first(entries, _COMPUTE[action], dearest if action == "compute" else 0.0)
        for action in COMPUTE_ACTIONS
    }


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
