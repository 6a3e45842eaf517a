"""Whatever a file holds, loading it ends in a result or in one InputError; see hunt.py."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from loaders import LOADERS  # noqa: E402


def hunted(name: str, count: int, first: int = 0) -> None:
    if name == "nir":
        pytest.importorskip("nir")
    threads = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(HERE / "hunt.py"), name, str(count), str(first)],
        capture_output=True, text=True, env={**os.environ, **threads}, check=False,
    )  # fmt: skip
    end = done.stderr.splitlines()[-15:]
    assert done.returncode in (0, 1), f"ended with {done.returncode} at input {end}"
    assert not done.stdout, done.stdout
    assert done.returncode == 0, end


@pytest.mark.parametrize("name", LOADERS)
def test_damaged_files_end_in_one_error(name: str) -> None:
    hunted(name, 300)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("timeloop", 1167),  # a search for a divisor of 10**18
        ("study", 4452),  # a layer renamed
        ("sweep", 3677),  # a mapping's name that is no text
        ("sweep", 4478),  # a number as the key of a range
    ],
)
def test_what_was_found_by_the_thousands(name: str, number: int) -> None:
    hunted(name, 1, first=number)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", LOADERS)
def test_many_damaged_files_end_in_one_error(name: str) -> None:
    hunted(name, 5000, first=300)
