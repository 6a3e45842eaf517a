"""Networks for elsewhere: whole numbers for hardware, NIR for other frameworks."""

from leanspike.errors import need

need("torch", extra="train", by=__name__)

from leanspike.export.inference import IntegerNetwork, Recording, integer_network
from leanspike.export.layer import Accumulator, IntegerLayer, Membrane
from leanspike.export.nir_reading import NIRNetwork, from_nir
from leanspike.export.nir_writing import to_nir, write_nir
from leanspike.export.packing import FORMATS, Packed, pack, pack_weights, unpack, unpack_weights
from leanspike.export.stages import Stage, trace_stages
from leanspike.export.vectors import export_integers
from leanspike.export.wiring import Join

__all__ = [
    "FORMATS",
    "Accumulator",
    "IntegerLayer",
    "IntegerNetwork",
    "Join",
    "Membrane",
    "NIRNetwork",
    "Packed",
    "Recording",
    "Stage",
    "export_integers",
    "from_nir",
    "integer_network",
    "pack",
    "pack_weights",
    "to_nir",
    "trace_stages",
    "unpack",
    "unpack_weights",
    "write_nir",
]
