"""Running a compiled kernel on every CPU thread torch may use."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from leanspike.nn.compiling import call

PARTS = 32
"""Into how many parts work is cut at most. Fixed, so that sums over parts, added in order, come
out the same to the last bit however many threads there are."""

_pools: dict[int, ThreadPoolExecutor] = {}
# A forked child inherits the pools but not their threads.
os.register_at_fork(after_in_child=_pools.clear)


def parts(units: int) -> int:
    """Return into how many parts ``units`` pieces of work are cut."""
    return min(units, PARTS)


def run_parts(kernel: Any, units: int, *arguments: Any) -> None:
    """Call ``kernel(*arguments, units, parts, first, stride)`` on as many threads as torch uses.

    Each call handles the parts ``first, first + stride, ...`` of ``parts``; part p holds the units
    from ``p * units // parts`` to ``(p + 1) * units // parts``. Threads of Python, because the
    kernels release the GIL: numba's own layers either abort the process when two threads enter
    them at once, or bring a second OpenMP beside torch's.
    """
    if units == 0:
        return
    count = parts(units)
    threads = min(torch.get_num_threads(), count)
    if threads == 1 or not kernel.signatures:
        # The first call compiles: let one thread do it.
        call(kernel, *arguments, units, count, 0, 1)
        return
    if threads not in _pools:
        _pools[threads] = ThreadPoolExecutor(threads - 1, thread_name_prefix="leanspike-nn")
    others = [
        _pools[threads].submit(call, kernel, *arguments, units, count, first, threads)
        for first in range(1, threads)
    ]
    call(kernel, *arguments, units, count, 0, threads)
    for other in others:
        other.result()
