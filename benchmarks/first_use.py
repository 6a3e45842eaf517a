"""What the first `leanspike cost published` of a fresh install takes, and when it first speaks.

`python benchmarks/first_use.py` prints CPU and wall seconds with an empty cache of kernels and with
the one that leaves, the kernels compiled, and after how many seconds the message stood on stderr.
`--before SRC` runs the package under another source folder beside it, `--save` keeps the figures
under benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
COMMAND = ("-m", "leanspike", "cost", "published", "--json")


def run(source: Path, cache: str) -> dict[str, float | None]:
    """Run the command once; return CPU, wall seconds and seconds until stderr is written to."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *COMMAND], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(source), "NUMBA_CACHE_DIR": cache},
    )  # fmt: skip
    assert process.stderr is not None
    first = process.stderr.readline()
    spoke = time.perf_counter() - started
    process.stderr.read()
    if process.wait():
        raise SystemExit(f"leanspike cost failed with {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "cpu_seconds": round(cpu, 2),
        "seconds": round(time.perf_counter() - started, 2),
        "message_after_seconds": round(spoke, 2) if first else None,
    }


def first_use(source: Path) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as cache:
        cold = run(source, cache)
        kernels = sum(1 for _ in Path(cache).rglob("*.nbc"))
        warm = run(source, cache)
    return {"first": cold, "second": warm, "kernels": kernels}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, help="source folder of an earlier revision")
    parser.add_argument("--save", action="store_true", help="keep the figures as JSON")
    arguments = parser.parse_args()
    sources = {"now": HERE.parent / "src"}
    if arguments.before is not None:
        sources["before"] = arguments.before.resolve()
    found = {name: first_use(source) for name, source in sources.items()}
    for name, figures in found.items():
        print(name, json.dumps(figures))
    if arguments.save:
        kept = {
            "command": " ".join(["python", "benchmarks/first_use.py", *sys.argv[1:]]),
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "versions": {name: version(name) for name in ("leanspike", "numba", "llvmlite")}
            | {"python": platform.python_version()},
            **found,
        }
        path = HERE / "results" / "first_use.json"
        path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        print(f"kept in {path.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
