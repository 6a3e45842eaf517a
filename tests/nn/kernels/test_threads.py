import multiprocessing
import threading

import numba
import numpy as np
import pytest
import torch

from leanspike.nn.kernels.cpu_team import on_team
from leanspike.nn.kernels.threads import PARTS, parts, run_parts


@numba.njit(nogil=True)
def count_units_part(hits, units, parts, part):
    for unit in range(part * units // parts, (part + 1) * units // parts):
        hits[unit] += 1


@numba.njit(nogil=True)
def count_units(parts, threads, *arguments):
    return on_team(count_units_part, arguments, parts, threads)


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


def count_in_child(results):
    hits = np.zeros(1000, np.int64)
    run_parts(count_units, 1000, hits)
    results.put(bool((hits == 1).all()))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_does_not_wait_for_its_parents_threads(threads):
    threads(2)
    run_parts(count_units, 1000, np.zeros(1000, np.int64))
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    child = context.Process(target=count_in_child, args=(results,))
    child.start()
    child.join(timeout=60)
    if child.exitcode is None:
        child.kill()
    assert child.exitcode == 0
    assert results.get()


def test_failures_in_threads_are_told(threads):
    threads(2)

    @numba.njit(nogil=True)
    def fail_part(units, parts, part):
        if part % 2:
            raise MemoryError

    @numba.njit(nogil=True)
    def fail(parts, threads, *arguments):
        return on_team(fail_part, arguments, parts, threads)

    with pytest.raises(MemoryError):
        run_parts(fail, 4)
