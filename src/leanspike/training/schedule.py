"""The learning rate: linear warm-up, then cosine decay to zero."""

from __future__ import annotations

import math


def lr_factor(step: int, *, warmup_steps: int, total_steps: int) -> float:
    """Fraction of the peak learning rate at optimizer step `step`, counted from 0.

    ``(step + 1) / warmup_steps`` while ``step < warmup_steps``, so that the first step already
    learns; then ``(1 + cos(pi * u)) / 2`` with
    ``u = (step - warmup_steps) / (total_steps - warmup_steps)`` (Loshchilov and Hutter, ICLR 2017,
    equation 5, without restarts); 0 from `total_steps` on.

    Examples
    --------
    >>> [round(lr_factor(s, warmup_steps=2, total_steps=6), 3) for s in range(7)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146, 0.0]
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    if step >= total_steps:
        return 0.0
    return (1 + math.cos(math.pi * (step - warmup_steps) / (total_steps - warmup_steps))) / 2
