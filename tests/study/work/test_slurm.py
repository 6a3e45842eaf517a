import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from leanspike.study import Results
from leanspike.study.work.slurm import slurm_script


@pytest.fixture
def script(tmp_path):
    """A script whose `leanspike` is a shell script that notes how it was called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    fake = folder / "leanspike"
    fake.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> "{tmp_path}/calls"\n')
    fake.chmod(0o755)
    text = slurm_script(
        "my study",
        ["leanspike", "study", "my file.yaml", "--out", "runs/a b"],
        out=Path("runs/a b"),
        storage="postgresql://me:secret@host/db",
        jobs=3,
        cpus=2,
    )
    path = tmp_path / "array.sh"
    path.write_text(text)
    return path


def run(script, number):
    environment = {**os.environ, "PATH": f"{script.parent / 'bin'}:{os.environ['PATH']}"}
    environment.pop("SLURM_ARRAY_TASK_ID", None)
    if number is not None:
        environment["SLURM_ARRAY_TASK_ID"] = str(number)
    done = subprocess.run(
        ["bash", str(script)], env=environment, capture_output=True, text=True, check=False
    )
    calls = script.parent / "calls"
    return done.returncode, calls.read_text().splitlines() if calls.exists() else []


def test_bash_can_read_it(script):
    subprocess.run(["bash", "-n", str(script)], check=True)
    lines = script.read_text().splitlines()
    assert lines[0] == "#!/bin/bash"
    assert "#SBATCH --array=0-2" in lines
    assert "#SBATCH --cpus-per-task=2" in lines
    assert "#SBATCH --job-name=leanspike-my-study" in lines


def test_the_first_job_begins_and_the_others_join(script):
    assert run(script, 0)[0] == 0
    status, calls = run(script, 2)
    assert status == 0
    assert calls == [
        "study my file.yaml --out runs/a b --jobs 1",
        "worker runs/a b --wait 3600 --storage postgresql://me@host/db",
    ]


def test_no_password_stands_in_the_script(script):
    text = script.read_text()
    assert "secret" not in text
    assert "~/.pgpass" in text


def test_outside_an_array_it_says_what_it_is(script):
    status, calls = run(script, None)
    assert status != 0
    assert calls == []


def test_the_command_prints_it_and_runs_nothing(tmp_path):
    line = [sys.executable, "-m", "leanspike", "study", "--quick", "--out", str(tmp_path / "out")]
    done = subprocess.run([*line, "--slurm"], capture_output=True, text=True, check=True)
    assert "exec leanspike study --out" in done.stdout
    assert "--quick --retries 1 --jobs 1" in done.stdout
    subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=True)
    assert not (tmp_path / "out").exists()


def test_two_jobs_of_an_array_do_one_study(tmp_path):
    tiny = {
        "data": {"limit": 30, "T": 3},
        "network": {"channels": 2, "hidden": 8},
        "training": {"epochs": 1, "warmup_epochs": 0},
        "compression": {
            "strategies": ["quantize"], "bits": [2, 3], "epochs": 2, "warmup_epochs": 0,
        },
        "hardware": {
            "architectures": ["event_driven"], "formats": ["RLE"], "statistics": ["mean"],
            "assumptions": False,
        },
    }  # fmt: skip
    file, out = tmp_path / "tiny.yaml", tmp_path / "out"
    file.write_text(yaml.safe_dump(tiny))
    begin = ["leanspike", "study", str(file), "--out", str(out)]
    text = slurm_script("tiny", begin, out=out, storage=None, jobs=2, wait=120)
    script = tmp_path / "array.sh"
    script.write_text(text)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    jobs = [
        subprocess.Popen(
            ["bash", str(script)],
            env={**os.environ, "PATH": path, "SLURM_ARRAY_TASK_ID": str(number)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for number in (1, 0)
    ]
    assert [job.wait(timeout=250) for job in jobs] == [0, 0]
    results = Results.load(out)
    assert len(results.priced) == results.planned == 3
