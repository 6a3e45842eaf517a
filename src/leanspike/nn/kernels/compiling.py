"""Compiling kernels with numba, once, and keeping the machine code on disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from leanspike import machine_code

log = logging.getLogger(__name__)
SLOW_S = 0.5
"""First calls that take longer than this are worth a line in the log."""

CODE = machine_code.code_folder(Path(__file__).parent, "cpu_*.py")


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function when it is first called with new types; keep the code on disk.

    It releases the GIL, so that several threads can run it on parts of the data, and divides as
    IEEE 754 says.
    """
    return machine_code.compiled(function, CODE, nogil=True, error_model="numpy")


def call(kernel: Any, *arguments: Any) -> Any:
    """Call a compiled kernel; if this compiled or loaded it for long, log for how long."""
    known = len(kernel.overloads)
    start = time.perf_counter()
    result = kernel(*arguments)
    seconds = time.perf_counter() - start
    if len(kernel.overloads) > known and seconds > SLOW_S:
        log.info("compiled %s in %.1f s; later runs load it", kernel.__name__, seconds)
    return result
