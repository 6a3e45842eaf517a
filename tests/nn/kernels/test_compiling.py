import logging

import numba
import numpy as np

from leanspike.nn.kernels import compiling


def double(x):
    for i in range(x.size):
        x[i] *= 2


def test_kept_code_lies_under_a_name_of_every_kernel_file(tmp_path, monkeypatch):
    """A kernel's own file may be unchanged while one it calls into is not."""
    monkeypatch.setattr(compiling, "CODE", tmp_path / "kernels")
    usual = numba.config.CACHE_DIR
    kernel = compiling.compiled(double)
    assert usual == numba.config.CACHE_DIR
    kernel(np.ones(3))
    assert {path.suffix for path in tmp_path.glob("kernels/*/*")} == {".nbi", ".nbc"}
    again = compiling.compiled(double)
    again(np.ones(3))
    assert sum(again.stats.cache_hits.values()) == 1
    monkeypatch.setattr(compiling, "CODE", tmp_path / "others")
    other = compiling.compiled(double)
    other(np.ones(3))
    assert sum(other.stats.cache_hits.values()) == 0


def test_without_a_folder_to_write_to_kernels_still_compile(monkeypatch):
    real = numba.njit

    def read_only(*args, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available for file")
        return real(*args, **options)

    monkeypatch.setattr(numba, "njit", read_only)
    kernel = compiling.compiled(double)
    x = np.ones(3)
    kernel(x)
    assert x.tolist() == [2, 2, 2]


def test_slow_first_calls_are_told(monkeypatch, caplog):
    monkeypatch.setattr(compiling, "SLOW_S", 0.0)
    kernel = numba.njit(double)
    with caplog.at_level(logging.INFO, logger="leanspike.nn.kernels.compiling"):
        compiling.call(kernel, np.ones(2))
        compiling.call(kernel, np.ones(2))
    assert len(caplog.records) == 1
    assert "compiled double" in caplog.text
