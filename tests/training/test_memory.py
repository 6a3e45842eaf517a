import ctypes
import subprocess
import sys

import pytest

from leanspike.training.fit import kept_memory

STEPS = """
import contextlib, resource, sys, torch
from leanspike.training.fit import kept_memory

def step():
    tensors = [torch.ones(1_000_000 * k) for k in (3, 1, 2)]

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

with kept_memory():
    step()
    before = faults()
    for _ in range(10):
        step()
    print(faults() - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not glibc")
def test_steps_find_their_memory_ready():
    """24 MB a step are about 6,000 pages; ten steps must not fetch them anew."""
    done = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 6000


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not glibc")
def test_memory_is_given_back_in_the_end(monkeypatch):
    calls = []

    class Library:
        def mallopt(self, setting, value):
            calls.append((setting, value))

        def malloc_trim(self, pad):
            calls.append("trim")

    monkeypatch.setattr(ctypes, "CDLL", lambda _: Library())
    with pytest.raises(KeyError), kept_memory():
        raise KeyError
    assert calls[-1] == "trim"
    assert dict(calls[2:4]) == {-1: 64 << 20, -3: 32 << 20}


def test_other_c_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    with kept_memory():
        pass
