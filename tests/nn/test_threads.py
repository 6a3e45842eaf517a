import threading

import numba
import numpy as np
import pytest
import torch

from leanspike.nn.threads import PARTS, parts, run_parts


@numba.njit(nogil=True)
def count_units(hits, units, count, first, stride):
    for part in range(first, count, stride):
        for unit in range(part * units // count, (part + 1) * units // count):
            hits[unit] += 1


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("units", [0, 1, 2, 31, 32, 33, 100])
def test_every_unit_runs_once(threads, number, units):
    threads(number)
    hits = np.zeros(units, np.int64)
    run_parts(count_units, units, hits)
    assert (hits == 1).all()
    assert parts(units) == min(units, PARTS)


def test_several_threads_may_enter_at_once(threads):
    threads(2)
    hits = [np.zeros(1000, np.int64) for _ in range(8)]
    callers = [threading.Thread(target=run_parts, args=(count_units, 1000, h)) for h in hits]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert all((h == 1).all() for h in hits)
