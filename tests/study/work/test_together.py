import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from leanspike.spec import write_yaml
from leanspike.study import Results, StudyFile, run_study
from leanspike.study.work.progress import PlainProgress
from leanspike.study.work.together import run_ranks


def on_two(epochs):
    return StudyFile(
        name="together",
        data={"limit": 40, "T": 3},
        network={"channels": 2, "hidden": 8},
        training={"epochs": epochs, "warmup_epochs": 0, "accelerator": "cpu", "devices": 2},
        compression={
            "strategies": ["quantize"], "bits": [2], "epochs": 2, "warmup_epochs": 0,
        },
        hardware={
            "architectures": ["event_driven"], "formats": ["RLE"], "statistics": ["mean"],
            "assumptions": False,
        },
    )  # fmt: skip


@pytest.mark.timeout(280)
def test_a_study_on_two_devices_records_every_point_once(tmp_path):
    shown = io.StringIO()
    results = run_study(on_two(1), out=tmp_path, jobs=1, progress=PlainProgress(shown))
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


# A line in one write, for both write to one pipe.
SLEEPS = "import os, time; os.write(1, b'%d%c' % (os.getpid(), 10)); time.sleep(1000)"
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


def until(condition):
    end = time.monotonic() + 250  # a hang, not a measure
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


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
    until(lambda: not any(alive(pid) for pid in ranks))


def children(parent):
    """Processes that a process started and that are alive, oldest first."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, above = path.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(above) == parent and state != "Z":
            found.append(int(path.parent.name))
    return sorted(found)


@pytest.fixture
def in_training(tmp_path):
    """A study on two devices that is in the middle of its first training, of so many epochs.

    Gives its process, that of torchrun, and those of the two ranks.
    """
    running = []

    def started(epochs):
        file, out = tmp_path / "two.yaml", tmp_path / "out"
        write_yaml(on_two(epochs).plain(), file)
        line = [sys.executable, "-m", "leanspike", "study", file, "--out", out, "--jobs", "1"]
        with (tmp_path / "said").open("w") as said:
            study = subprocess.Popen(
                [*line, "--retries", "3"], stdout=said, stderr=said, start_new_session=True
            )
        running.append(study)
        until(lambda: study.poll() is not None or list(out.glob("trainings/*/resume.ckpt")))
        (torchrun,) = children(study.pid)
        ranks = children(torchrun)
        assert len(ranks) == 2
        return study, torchrun, ranks

    yield started
    for study in running:
        if study.poll() is None:
            os.killpg(study.pid, signal.SIGKILL)
            study.wait()


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@needs_proc
@pytest.mark.timeout(280)
@pytest.mark.parametrize("victim", ["second rank", "torchrun"])
def test_a_killed_process_ends_the_others_and_the_training_is_tried_again(
    tmp_path, in_training, victim
):
    study, torchrun, ranks = in_training(2000)
    killed = ranks[1] if victim == "second rank" else torchrun
    os.kill(killed, signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in (torchrun, *ranks)))
    # another try goes on from the epochs that are done
    until(lambda: children(study.pid) and len(children(children(study.pid)[0])) == 2)
    assert "train float, seed 0 failed, trying again" in (tmp_path / "said").read_text()
    study.send_signal(signal.SIGTERM)
    assert study.wait(timeout=60) == 128 + signal.SIGTERM


@needs_proc
@pytest.mark.timeout(280)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_rank_outlives_the_study(in_training, how):
    study, torchrun, ranks = in_training(2000)
    study.send_signal(how)
    study.wait()
    until(lambda: not any(alive(pid) for pid in (torchrun, *ranks)))


@needs_proc
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_kills_in_a_training_on_two_devices_change_no_bit(tmp_path, in_training):
    study, _, ranks = in_training(100)
    os.kill(ranks[1], signal.SIGKILL)
    assert study.wait(timeout=900) == 0
    assert "trying again" in (tmp_path / "said").read_text()
    alone = run_study(on_two(100), out=tmp_path / "alone", jobs=1)
    disturbed = Results.load(tmp_path / "out")
    assert [p.measured.sha256 for p in disturbed.priced] == [
        p.measured.sha256 for p in alone.priced
    ]
