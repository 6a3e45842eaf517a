"""Timeloop's energy reference table (ERT) as energies per action.

Which table entry prices which action, and what holds when it is missing, follows Timeloop
v3.0.3, include/model/topology.hpp (operation mappings) and src/model/buffer.cpp (ParseSpecs,
UpdateOpEnergyViaERT).


Timeloop's architecture tree as a chain of levels, outermost first.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, inf

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import COMPUTE_ACTIONS, STORAGE_ACTIONS
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
    "wire": (),  # a network's, not the storage's
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
    storage = tuple(_STORAGE[action][0] for action in STORAGE_ACTIONS if _STORAGE[action])
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


# Attributes that say something to this reader; the second group is known to Timeloop or
# Accelergy but changes no count and no energy once there is a reference table.
_USED = (
    "word-bits", "word_width", "datawidth", "block-size", "block_size", "n_words",
    "metadata_block_size", "metadata_datawidth", "metadata_word_bits", "metadata_storage_width",
    "metadata_storage_depth", "decompression_supported", "compression_supported", "cluster-size",
    "width", "memory_width", "data_storage_width", "entries", "depth", "memory_depth",
    "data_storage_depth", "sizeKB", "bandwidth", "shared_bandwidth", "read_bandwidth",
    "write_bandwidth", "multiple-buffering", "instances", "meshX", "meshY",
)  # fmt: skip
_QUIET = (
    "technology", "n_banks", "num_banks", "num-banks", "metadata_n_banks", "n_ports", "num_ports",
    "num-ports", "latency", "global_cycle_seconds", "n_rd_ports", "n_wr_ports", "n_rdwr_ports",
    "network_read", "network_fill", "network_drain", "network_update", "reduction_supported",
    "concordant_compressed_tile_traversal", "tile_partition_supported", "allow_overbooking",
    "min-utilization", "network_fill_latency", "network_drain_latency", "cluster-area",
    "vector-access-energy", "addr-gen-energy", "noun", "num_pipeline_stages", "num-stages",
)  # fmt: skip
_COMPUTE_CLASSES = ("mac", "intmac", "fpmac", "compute")


@dataclass(frozen=True)
class Part:
    """One component of the tree with its instances; sizes in words of ``word_bits``."""

    name: str
    attributes: Node
    is_compute: bool
    is_dram: bool
    instances: int
    mesh_x: int
    word_bits: int
    block: int
    cluster: int
    words: int | None
    buffers: float
    metadata_bits: int
    metadata_width: int
    metadata_depth: int
    decompresses: bool
    compresses: bool

    @property
    def room(self) -> tuple[float, float]:
        """Bits of values and of metadata that fit when a tile is buffered so many times."""
        if self.words is None:
            return inf, inf
        metadata = self.metadata_depth * self.metadata_width
        return (
            float(floor(self.words / self.buffers) * self.word_bits),
            float(floor(metadata / self.buffers)),
        )

    @property
    def mesh_y(self) -> int:
        """Rows of the array of instances."""
        return self.instances // self.mesh_x


def read_parts(document: Node) -> tuple[str, list[Part]]:
    """Return the name of the tree's root and its components, outermost first, compute last."""
    architecture = document.child("architecture")
    if not architecture.data:
        document.need("architecture")
    trees = architecture.children("subtree")
    if len(trees) != 1:
        raise InputError(
            f"found {len(trees)} trees, expected one", where=f"{architecture.where}.subtree"
        )
    parts: list[Part] = []
    tree, copies = trees[0], 1
    name = parse_instances(tree.need("name"), tree.where)[0]
    while True:
        copies *= parse_instances(tree.need("name"), tree.where)[1]
        for item in tree.children("local"):
            item.expect(("name", "class", "subclass", "attributes"))
            parts.append(_part(item, copies))
        inside = tree.children("subtree")
        if not inside:
            break
        if len(inside) > 1:
            raise InputError(
                f"found {len(inside)} branches, expected a chain", where=f"{tree.where}.subtree"
            )
        tree = inside[0]
    if not parts or not parts[-1].is_compute or sum(part.is_compute for part in parts) != 1:
        raise InputError("expected one compute component, innermost", where=architecture.where)
    return name, parts


def _part(item: Node, copies: int) -> Part:
    name, own = parse_instances(item.need("name"), item.where)
    attributes = item.child("attributes")
    attributes.expect(_USED + _QUIET)
    word_bits = attributes.whole("word-bits", "word_width", "datawidth", default=16, least=1) or 16
    block = attributes.whole("block-size", "block_size", "n_words", least=1)
    cluster = attributes.whole("cluster-size", least=1)
    width = attributes.whole("width", "memory_width", "data_storage_width", least=1)
    if width is not None:
        held = word_bits * (block or 1) * (cluster or 1)
        if width % held:
            raise InputError(
                f"found width {width}, expected a multiple of block x word = {held} bits",
                where=attributes.where,
            )
        if block is None:
            block = width // ((cluster or 1) * word_bits)
        elif cluster is None:
            cluster = width // (word_bits * block)
    block, cluster = block or 1, cluster or 1
    instances = attributes.whole("instances", default=copies * own, least=1) or 1
    mesh_y = attributes.whole("meshY", least=1)
    mesh_x = attributes.whole("meshX", least=1)
    if mesh_x is None:
        mesh_x = instances // mesh_y if mesh_y else instances
    if instances % mesh_x:
        raise InputError(
            f"found {mesh_x}, expected a divisor of {instances} instances",
            where=f"{attributes.where}.meshX",
        )
    kind = str(item.need("class"))
    is_compute = kind in _COMPUTE_CLASSES or kind.endswith("mac")
    is_dram = "DRAM" in kind or attributes.get("technology") == "DRAM"
    words = _words(attributes, word_bits, block)
    if words is None and not (is_compute or is_dram):
        raise InputError(
            "missing: a size (Timeloop leaves it open for DRAM only)", where=attributes.where,
            remedy="Write entries, depth or sizeKB",
        )  # fmt: skip
    if is_dram and cluster > 1:
        raise InputError(
            f"found clusters of {cluster}, expected 1: Timeloop's DRAM has none",
            where=attributes.where,
        )
    if attributes.number("min-utilization"):
        raise InputError("is not modelled", where=f"{attributes.where}.min-utilization")
    return Part(
        name=name,
        attributes=attributes,
        is_compute=is_compute,
        is_dram=is_dram,
        instances=instances,
        mesh_x=mesh_x,
        word_bits=word_bits,
        block=block,
        cluster=cluster,
        words=words,
        buffers=attributes.number("multiple-buffering", default=1.0, least=1) or 1.0,
        metadata_bits=attributes.whole("metadata_datawidth", "metadata_word_bits", default=0) or 0,
        metadata_width=attributes.whole("metadata_storage_width", default=0) or 0,
        metadata_depth=attributes.whole("metadata_storage_depth", default=0) or 0,
        decompresses=bool(attributes.get("decompression_supported", default=False)),
        compresses=bool(attributes.get("compression_supported", default=False)),
    )


def _words(attributes: Node, word_bits: int, block: int) -> int | None:
    """Return the words a component has room for; None when nothing says so."""
    entries = attributes.whole("entries")
    rows = attributes.whole("depth", "memory_depth", "data_storage_depth")
    kilobytes = attributes.whole("sizeKB")
    if entries is not None:
        return entries
    if rows is not None:
        return rows * block
    return None if kilobytes is None else kilobytes * 8192 // word_bits


#: Rows are a few thousand bits wide; widths of words are sought among as many numbers.
MOST_METADATA_BITS = 1 << 20


def fitted_bits(asked: int | None, part: Part, where: str) -> int:
    """Return the bits of a metadata word: the next width that fills the storage's rows evenly."""
    if part.metadata_width > MOST_METADATA_BITS:
        raise InputError(
            f"found a metadata storage {part.metadata_width} bits wide, expected at most "
            f"{MOST_METADATA_BITS}",
            where=where,
        )
    if asked is None:
        bits = part.metadata_bits
    elif asked == 0 or part.metadata_width % asked == 0:
        bits = asked
    else:
        widest = min(2 * asked, part.metadata_width + 1)
        fits = (b for b in range(asked, widest) if part.metadata_width % b == 0)
        bits = next(fits, 2 * asked)
    if bits > part.metadata_width:
        raise InputError(
            f"found words of {bits} bits, expected at most the metadata storage's width "
            f"{part.metadata_width}",
            where=where,
        )
    return ceil(bits)
