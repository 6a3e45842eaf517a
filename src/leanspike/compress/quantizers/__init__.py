"""Weight quantizers, one per file; `QUANTIZERS` names them."""

from leanspike.compress.quantizers.base import Grid, Quantizer
from leanspike.compress.quantizers.duq import DuQ
from leanspike.compress.quantizers.initializers import REACHES
from leanspike.compress.quantizers.lsq import LSQ, LSQPlus
from leanspike.compress.quantizers.power_of_two import PowerOfTwo
from leanspike.compress.quantizers.ternary import TWN, XNOR
from leanspike.compress.quantizers.uniform import Affine, Uniform

QUANTIZERS: dict[str, type[Quantizer]] = {
    "duq": DuQ,
    "lsq": LSQ,
    "lsq+": LSQPlus,
    "uniform": Uniform,
    "affine": Affine,
    "power-of-two": PowerOfTwo,
    "twn": TWN,
    "xnor": XNOR,
}

__all__ = [
    "LSQ",
    "QUANTIZERS",
    "REACHES",
    "TWN",
    "XNOR",
    "Affine",
    "DuQ",
    "Grid",
    "LSQPlus",
    "PowerOfTwo",
    "Quantizer",
    "Uniform",
]
