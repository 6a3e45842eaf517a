"""Compiling kernels with numba, once, and keeping the machine code on disk."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

log = logging.getLogger(__name__)
config: Any = numba.config
SLOW_S = 0.5
"""First calls that take longer than this are worth a line in the log."""

SOURCES = hashlib.sha256(
    b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("cpu_*.py")))
).hexdigest()
CODE = Path(config.CACHE_DIR or Path(__file__).parent / "__pycache__") / f"kernels-{SOURCES[:16]}"
"""Where machine code is kept: numba looks at a function's own file to tell whether kept code is
fresh, but the code holds functions of the other files too: it lies under a name of them all."""


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function when it is first called with new types; keep the code on disk.

    It releases the GIL, so that several threads can run it on parts of the data, and divides as
    IEEE 754 says. numba keeps the code in `CODE` or, where that is read-only, in the user's cache
    folder; where neither can be written, every process compiles again.
    """
    usual, config.CACHE_DIR = config.CACHE_DIR, str(CODE)
    try:
        return numba.njit(nogil=True, error_model="numpy", cache=True)(function)
    except RuntimeError:  # numba found no folder to write to
        return numba.njit(nogil=True, error_model="numpy")(function)
    finally:
        config.CACHE_DIR = usual


def call(kernel: Any, *arguments: Any) -> Any:
    """Call a compiled kernel; if this compiled or loaded it for long, log for how long."""
    known = len(kernel.overloads)
    start = time.perf_counter()
    result = kernel(*arguments)
    seconds = time.perf_counter() - start
    if len(kernel.overloads) > known and seconds > SLOW_S:
        log.info("compiled %s in %.1f s; later runs load it", kernel.__name__, seconds)
    return result
