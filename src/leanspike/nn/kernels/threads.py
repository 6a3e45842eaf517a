"""Running a compiled kernel on every CPU thread torch may use."""

from __future__ import annotations

import os
from typing import Any

import torch

from leanspike.nn.kernels.compiling import call

PARTS = 32
"""Into how many parts work is cut at most. Fixed, so that sums over parts, added in order, come
out the same to the last bit however many threads there are."""

_forked = False


def _note_fork() -> None:
    # A forked child has none of its parent's threads, yet OpenMP would wait for them for ever.
    global _forked
    _forked = True


os.register_at_fork(after_in_child=_note_fork)


def parts(units: int, most: int = PARTS) -> int:
    """Return into how many parts ``units`` pieces of work are cut."""
    return min(units, most)


def run_parts(kernel: Any, units: int, *arguments: Any, most: int = PARTS) -> None:
    """Call ``kernel(parts, threads, *arguments, units)`` with as many threads as torch uses.

    Part p of the kernel's work holds the units from ``p * units // parts`` to
    ``(p + 1) * units // parts``. A process that was forked works on one thread.

    Raises
    ------
    MemoryError
        If a thread could not have the memory it needs.
    """
    if units == 0:
        return
    count = parts(units, most)
    threads = 1 if _forked else min(torch.get_num_threads(), count)
    if call(kernel, count, threads, *arguments, units):
        raise MemoryError("not enough memory for a kernel's threads")
