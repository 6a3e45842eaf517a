"""The same bits whatever number of processes and threads a study is given."""

import json
import os
import sqlite3
import subprocess
import sys

import pytest
import yaml

STUDY = {
    "name": "bits",
    "data": {"limit": 60, "T": 4},
    "network": {"channels": 8, "hidden": 16},
    "training": {"epochs": 2, "warmup_epochs": 0},
    "compression": {
        "strategies": ["quantize"], "bits": [2], "epochs": 2, "warmup_epochs": 0,
    },
    "hardware": {
        "architectures": ["event_driven"], "formats": ["RLE"], "statistics": ["mean"],
        "assumptions": False,
    },
    "seeds": [0, 1],
}  # fmt: skip


def without_times(value):
    if isinstance(value, dict):
        left_out = ("seconds", "provenance")
        return {key: without_times(each) for key, each in value.items() if key not in left_out}
    return [without_times(each) for each in value] if isinstance(value, list) else value


def results_of(folder):
    with sqlite3.connect(folder / "study.db") as database:
        rows = database.execute("select key, state, result from leanspike_task").fetchall()
    assert {state for _, state, _ in rows} == {"done"}
    return {key: without_times(json.loads(result)) for key, _, result in rows}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_results_do_not_depend_on_processes_and_threads(tmp_path):
    file = tmp_path / "bits.yaml"
    file.write_text(yaml.safe_dump(STUDY))
    found = []
    for jobs, threads in ((1, 1), (1, 4), (2, 2), (3, 1)):
        out = tmp_path / f"{jobs}-{threads}"
        line = [sys.executable, "-m", "leanspike", "study", str(file), "--out", str(out)]
        subprocess.run(
            [*line, "--jobs", str(jobs)],
            env={**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)},
            check=True, capture_output=True,
        )  # fmt: skip
        found.append(results_of(out))
    assert len(found[0]) == 12
    for other in found[1:]:
        assert other == found[0]
