"""Keeping freed memory for the next step, where the C library would give it back to the system."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""glibc's names for `mallopt`'s settings (malloc.h)."""
USUAL = {MMAP_THRESHOLD: 32 << 20, TRIM_THRESHOLD: 64 << 20}
"""What glibc arrives at by itself once tensors of this size were freed (mallopt(3))."""
LARGE = 1 << 30


@contextmanager
def kept_memory() -> Iterator[None]:
    """Let the process keep what a training step frees, so that the next step finds it ready.

    A step frees all it used, and glibc then returns the top of the heap to the system, which hands
    it out again page by page, zeroed: up to a third of a step's time. At the end it is returned.
    Does nothing with other C libraries.
    """
    library = ctypes.CDLL(None)
    if not (hasattr(library, "mallopt") and hasattr(library, "malloc_trim")):
        yield
        return
    for setting in USUAL:
        library.mallopt(setting, LARGE)
    try:
        yield
    finally:
        for setting, value in USUAL.items():
            library.mallopt(setting, value)
        library.malloc_trim(ctypes.c_size_t(0))
