"""Workers end with what started them, keep what they say, and show no password."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from leanspike.study.work.processes import further_workers, worker_line

PARENT = """
import sys, time
from pathlib import Path
from leanspike.stopping import stopping_on_sigterm
from leanspike.study.work.processes import further_workers
child = [sys.executable, "-c", Path(sys.argv[1]).read_text(), sys.argv[2]]
with stopping_on_sigterm(), further_workers(2, child):
    while True:
        time.sleep(0.05)
"""

CHILD = """
import os, sys, time
from pathlib import Path
from leanspike.stopping import follow_parent, stopping_on_sigterm
follow_parent()
with stopping_on_sigterm():
    try:
        Path(sys.argv[1], str(os.getpid())).touch()
        while True:
            time.sleep(0.05)
    except KeyboardInterrupt:
        Path(sys.argv[1], f"{os.getpid()}.gave-back").touch()
"""


def until(condition):
    end = time.monotonic() + 120  # a hang, not a measure
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_gone(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_no_worker_outlives_its_parent(tmp_path, how):
    (tmp_path / "child.py").write_text(CHILD)
    alive = tmp_path / "alive"
    alive.mkdir()
    line = [sys.executable, "-c", PARENT, str(tmp_path / "child.py"), str(alive)]
    parent = subprocess.Popen(line, stderr=subprocess.DEVNULL, start_new_session=True)
    until(lambda: len(list(alive.iterdir())) == 2)
    workers = [int(path.name) for path in alive.iterdir()]
    parent.send_signal(how)
    parent.wait(timeout=120)
    until(lambda: all(is_gone(worker) for worker in workers))
    assert len(list(alive.glob("*.gave-back"))) == 2  # each came to its end by itself


def test_what_a_worker_says_is_kept_where_it_failed(tmp_path):
    fails = (
        "import sys; sys.exit('no room' if 'LEANSPIKE_STORAGE' in __import__('os').environ else 0)"
    )
    line = [sys.executable, "-c", fails]
    with further_workers(2, line, logs=tmp_path / "logs"):
        pass
    assert list((tmp_path / "logs").iterdir()) == []
    with further_workers(2, line, logs=tmp_path / "logs", storage="postgresql://me:secret@host/db"):
        pass
    assert [path.read_text() for path in sorted((tmp_path / "logs").iterdir())] == ["no room\n"] * 2


def test_no_address_stands_in_a_command_line(tmp_path):
    assert worker_line(tmp_path, retries=2)[-3:] == [str(tmp_path), "--retries", "2"]
    shows = "import sys; sys.stderr.write(open('/proc/self/cmdline').read()); sys.exit(1)"
    storage = "postgresql://me:secret@host/db"
    with further_workers(1, [sys.executable, "-c", shows], logs=tmp_path, storage=storage):
        pass
    assert "secret" not in (tmp_path / "worker1.log").read_text()


def test_a_step_is_finished_before_a_signal_is_heard():
    from leanspike.stopping import held_back

    done = []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        for step in range(3):
            with held_back():
                if step == 1:
                    os.kill(os.getpid(), signal.SIGINT)
                    time.sleep(0.01)
                done.append(step)
    assert done == [0, 1]
    with pytest.raises(KeyboardInterrupt), held_back():
        insist()
    assert done == [0, 1]


def insist():
    """Who sends a signal twice is heard at once."""
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)
    pytest.fail("the second was held back too")
