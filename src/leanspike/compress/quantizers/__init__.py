"""Weight quantizers, one per file; `QUANTIZERS` names them."""

from leanspike.compress.quantizers.base import Quantizer
from leanspike.compress.quantizers.duq import DuQ

QUANTIZERS: dict[str, type[Quantizer]] = {"duq": DuQ}

__all__ = ["QUANTIZERS", "DuQ", "Quantizer"]
