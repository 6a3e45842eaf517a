"""Networks for elsewhere: whole numbers for hardware, NIR for other frameworks."""

from leanspike.export.chain import Stage, trace_chain
from leanspike.export.inference import IntegerNetwork, Recording, integer_network
from leanspike.export.integers import IntegerLayer
from leanspike.export.packing import FORMATS, Packed, pack, pack_weights, unpack, unpack_weights
from leanspike.export.vectors import export_integers

__all__ = [
    "FORMATS",
    "IntegerLayer",
    "IntegerNetwork",
    "Packed",
    "Recording",
    "Stage",
    "export_integers",
    "integer_network",
    "pack",
    "pack_weights",
    "trace_chain",
    "unpack",
    "unpack_weights",
]
