import io
import os
import signal
import subprocess
import sys

import pytest

from leanspike.study import StudyFile, run_study
from leanspike.study.work.progress import PlainProgress
from leanspike.study.work.together import run_ranks


@pytest.mark.timeout(280)
def test_a_study_on_two_devices_records_every_point_once(tmp_path):
    study = StudyFile(
        name="together",
        data={"limit": 40, "T": 3},
        network={"channels": 2, "hidden": 8},
        training={"epochs": 1, "warmup_epochs": 0, "accelerator": "cpu", "devices": 2},
        compression={
            "strategies": ["quantize"], "bits": [2], "epochs": 2, "warmup_epochs": 0,
        },
        hardware={
            "architectures": ["event_driven"], "formats": ["RLE"], "statistics": ["mean"],
            "assumptions": False,
        },
    )  # fmt: skip
    shown = io.StringIO()
    results = run_study(study, out=tmp_path, jobs=1, progress=PlainProgress(shown))
    assert [result.point.name for result in results.priced] == ["float-s0", "quantize-2b-s0"]
    assert results.failures == ()
    assert "[6/6]" in shown.getvalue()
    for result in results.priced:
        assert 0 <= result.validation_accuracy <= 1
        assert (tmp_path / result.measured.checkpoint).is_file()
    assert not list(tmp_path.glob("trainings/*/together.json"))
    assert not list(tmp_path.glob("trainings/*/resume.ckpt"))


FAILS = """
import os, time
from torch.distributed.elastic.multiprocessing.errors import record

@record
def work():
    time.sleep(1000 * (os.environ["RANK"] == "1"))
    print("rank", os.environ["RANK"], flush=True)
    raise ValueError("too bad")

work()
"""


def test_what_fails_in_one_is_said_and_the_others_are_ended():
    lines = []
    with pytest.raises(RuntimeError, match=r"^ValueError: too bad$"):
        run_ranks([sys.executable, "-c", FAILS], 2, on_line=lines.append)
    assert lines == ["rank 0"]


def test_a_process_that_is_killed_is_said():
    line = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
    with pytest.raises(RuntimeError, match="SIGKILL"):
        run_ranks(line, 2)


SLEEPS = "import os, time; print(os.getpid(), flush=True); time.sleep(1000)"
CALLS = f"""
import sys
from leanspike.study.work.together import run_ranks
run_ranks([sys.executable, "-c", {SLEEPS!r}], 2, on_line=lambda line: print(line, flush=True))
"""


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("everyone", [False, True])
def test_ctrl_c_leaves_no_process_behind(everyone):
    """Whether only the caller is interrupted, or all of the terminal's processes at once."""
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLS],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    ranks = [int(caller.stdout.readline()) for _ in range(2)]
    assert all(alive(pid) for pid in ranks)
    (os.killpg if everyone else os.kill)(caller.pid, signal.SIGINT)
    caller.wait()
    caller.stdout.close()
    assert not any(alive(pid) for pid in ranks)
