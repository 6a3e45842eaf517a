"""Memory stays flat over ten thousand pricings and a thousand steps; a leak would be seen."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "memory.py"
#: Bytes that each may leave behind: what the allocator's own unrest comes to, several times over.
MOST = {"pricings": 500, "steps": 2000}


def growth(what: str, *options: str) -> float:
    line = [sys.executable, str(SCRIPT), what, *options]
    done = subprocess.run(line, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout)["growth_bytes_each"])


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize("what", MOST)
def test_memory_stays_flat(what: str) -> None:
    assert growth(what) < MOST[what]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize(("what", "count"), [("pricings", 2000), ("steps", 300)])
def test_a_leak_would_be_seen(what: str, count: int) -> None:
    """Twice the limit is kept of every pricing or step."""
    leak = str(2 * MOST[what])
    assert growth(what, "--count", str(count), "--leak", leak) > MOST[what]
