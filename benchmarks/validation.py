"""The model beside silicon and other models: `python benchmarks/validation.py [--out FILE]`.

Prints sections and writes them as JSON. The published energy table has a command of its own,
`leanspike reproduce`.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from silicon import (
    SENECA_PJ_PER_OPERATION,
    SNE,
    SPINALFLOW,
    seneca_run,
    sne_run,
    spinalflow_run,
)

import leanspike


def sne() -> dict[str, Any]:
    """SNE's energy per synaptic operation and its floor."""
    slope, floor = SNE.line
    return {
        "published pJ per operation": SNE.pj_per_operation,
        "published uJ per percent": slope / 100,
        "published floor uJ": floor,
        **sne_run(),
    }


def seneca() -> dict[str, Any]:
    """Price SENECA's synaptic operation."""
    return {
        "published pJ per operation": SENECA_PJ_PER_OPERATION,
        **{f"pJ at activity {a}": seneca_run(activity=a) for a in (0.02, 0.05, 0.2)},
    }


def spinalflow() -> dict[str, Any]:
    """Eyeriss over SpinalFlow."""
    return {
        "published energy_4": SPINALFLOW.energy_of_4_bit_eyeriss,
        "published energy_8": SPINALFLOW.energy_of_8_bit_eyeriss,
        "published time_8": SPINALFLOW.time_of_8_bit_eyeriss,
        **{f"inputs {d:.0%} non-zero": spinalflow_run(density=d) for d in (0.1, 0.5)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="one section: sne, seneca or spinalflow")
    parser.add_argument("--out", type=Path, help="JSON file; sections that are there are kept")
    given = parser.parse_args()
    sections: dict[str, Callable[[], dict[str, Any]]] = {
        "sne": sne,
        "seneca": seneca,
        "spinalflow": spinalflow,
    }
    results: dict[str, Any] = {}
    if given.out and given.out.exists():
        results = json.loads(given.out.read_text())
    for name, section in sections.items():
        if given.only in (None, name):
            started = time.perf_counter()
            results[name] = section()
            print(f"{name} ({time.perf_counter() - started:.0f} s)")
            print(json.dumps(results[name], indent=1), flush=True)
            if given.out:
                results["made with"] = {
                    "command": "python benchmarks/validation.py",
                    "leanspike": leanspike.__version__,
                    "python": platform.python_version(),
                    "date": datetime.now(UTC).date().isoformat(),
                }
                given.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
