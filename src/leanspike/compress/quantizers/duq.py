"""DuQ, the study's quantizer: input range and output scale learned apart."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import hardtanh

from leanspike.compress.quantizers.base import Quantizer, refuse_zero
from leanspike.compress.rounding import Rounding


class DuQ(Quantizer):
    """Differentiable and unified quantization (PROFIT, arXiv 2008.04693).

    ``q(w) = c * round(hardtanh(w / a) * (n - 1)) / (n - 1)`` with ``n = 2 ** (bits - 1)``. Both
    ``a`` (where the input is clipped) and ``c`` (what the largest code is worth) are learned, one
    each per layer. Two bits give the ternary codes -1, 0, 1.

    Parameters
    ----------
    bits
        2 to 16.
    rounding
        Rounding function, which brings the gradient.

    >>> from leanspike.compress.rounding import straight_through
    >>> q = DuQ(2, straight_through)
    >>> _ = q.a.data.fill_(1.0), q.c.data.fill_(0.5)
    >>> q(torch.tensor([-3.0, -0.6, -0.4, 0.2, 0.9])).tolist()
    [-0.5, -0.5, -0.0, 0.0, 0.5]
    """

    def __init__(self, bits: int, rounding: Rounding) -> None:
        super().__init__(bits, rounding)
        self.a = nn.Parameter(torch.ones(()))
        self.c = nn.Parameter(torch.ones(()))

    @property
    def largest(self) -> int:
        """The largest code, ``n - 1``."""
        return int(2 ** (self.bits - 1)) - 1

    @torch.no_grad()
    def start(self, weight: Tensor) -> None:
        """Set both parameters to ``max(|mean - 3 std|, |mean + 3 std|)`` of the weights."""
        mean, deviation = weight.mean(), weight.std(correction=0)
        reach = torch.maximum((mean - 3 * deviation).abs(), (mean + 3 * deviation).abs())
        refuse_zero(reach)
        self.a.copy_(reach)
        self.c.copy_(reach)

    def codes(self, weight: Tensor) -> Tensor:
        """Give codes from ``-(n - 1)`` to ``n - 1``."""
        return self.rounding(hardtanh(weight / self.a) * self.largest)

    def decode(self, codes: Tensor) -> Tensor:
        """Scale codes so that ``n - 1`` stands for ``c``."""
        return codes * (self.c / self.largest)
