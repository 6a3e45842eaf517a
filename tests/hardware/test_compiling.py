"""A kernel that has to be compiled says so, once."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import pytest
from numba import njit
from numba.core import event

from leanspike.hardware import compiling
from leanspike.hardware.model.traffic import list_loops


def compiles(function) -> event.Event:
    return event.Event("numba:compile", event.EventStatus.START, {"dispatcher": function})


def test_compiling_is_announced_once_and_only_for_our_kernels(caplog):
    @njit
    def foreign():
        return 0

    listener = compiling._Announce()
    with caplog.at_level(logging.WARNING, logger="leanspike"):
        listener.on_start(compiles(foreign))
        assert not caplog.records
        for _ in range(2):
            listener.on_start(compiles(list_loops))
    (record,) = caplog.records
    assert "compiling kernels, once for this version" in record.getMessage()


@pytest.mark.slow
def test_a_first_use_speaks_and_a_second_is_silent(tmp_path):
    line = [sys.executable, "-m", "leanspike", "cost", "published"]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    first, second = (
        subprocess.run(line, env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    )
    assert "compiling kernels" in first.stderr
    assert "compiling" not in second.stderr
    assert first.stdout == second.stdout
