"""Compiling kernels with numba: when they are first called, kept on disk, and never in silence."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core import event

from leanspike.machine_code import code_folder, compiled

log = logging.getLogger(__name__)
njit: Any = numba.njit
CODE = code_folder(Path(__file__).parent, "**/*.py")


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function when it is first called with new types; keep the code on disk.

    It divides as IEEE 754 says.
    """
    return compiled(function, CODE, nogil=True, error_model="numpy", no_cfunc_wrapper=True)


def inlined(function: Callable[..., Any]) -> Any:
    """Compile a function as lines of the kernel that calls it: for a single caller."""
    return njit(inline="always", error_model="numpy")(function)


def helper(function: Callable[..., Any]) -> Any:
    """Compile a function that only kernels call: it takes no arguments from Python."""
    return njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, nogil=True)(
        function
    )


class _Announce(event.Listener):
    """Says once in a process that kernels are being compiled."""

    done = False

    def on_start(self, event: Any) -> None:
        compiles = event.data["dispatcher"].py_func.__module__
        if not self.done and compiles.startswith("leanspike.hardware."):
            self.done = True
            log.warning("compiling kernels, once for this version; up to %d s", _SECONDS)

    def on_end(self, event: Any) -> None:
        pass


# What the kernels of one preset of the semantics take to compile on one busy core
# (benchmarks/first_use.py).
_SECONDS = 40

event.register("numba:compile", _Announce())
