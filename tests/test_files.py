from __future__ import annotations

import errno
import os
import pickle
import resource
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from leanspike import files
from leanspike.errors import InputError
from leanspike.files import WriteError, remove_unfinished, replacing, write_whole

WRITER = """
import sys
from pathlib import Path
from leanspike.files import write_whole
for _ in range(100):
    write_whole(Path(sys.argv[1]), sys.argv[2] * 200_000)
"""


@contextmanager
def room(size: int) -> Iterator[None]:
    """No file can grow beyond `size` bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_racing_writers_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "shared.txt"
    write_whole(path, "a" * 200_000)
    racers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), x]) for x in "abc"]
    while any(racer.poll() is None for racer in racers):
        content = path.read_text()
        assert content in {x * 200_000 for x in "abc"}
    assert [racer.returncode for racer in racers] == [0, 0, 0]
    assert [each.name for each in tmp_path.iterdir()] == ["shared.txt"]


def test_racing_threads_use_names_of_their_own(tmp_path: Path) -> None:
    path, names, together = tmp_path / "a.csv", [], threading.Barrier(4)

    def write() -> None:
        with replacing(path) as unfinished:
            names.append(unfinished)
            unfinished.write_text("1,2")
            together.wait()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == 4
    # Writers such as matplotlib's and pyarrow's go by the ending.
    assert {(name.parent, name.suffix) for name in names} == {(tmp_path, ".csv")}
    assert path.read_text() == "1,2"


def test_a_full_disk_names_the_file_and_keeps_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_whole(path, b"old")
    with room(1000), pytest.raises(WriteError) as caught:
        write_whole(path, bytes(5000))
    assert str(caught.value) == (
        f"{path}: cannot write: File too large. Name another folder, or make room"
    )
    assert isinstance(caught.value, InputError)
    assert isinstance(caught.value, OSError)
    assert caught.value.errno == errno.EFBIG
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    kept = [tmp_path / name for name in ("a.ckpt", ".hidden", ".0123.ckpt", "0123456789abcdef")]
    for each in kept:
        each.touch()
    for name in ("weights.safetensors", "plain"):
        with replacing(tmp_path / name) as unfinished:
            unfinished.touch()
            left = unfinished.with_name(f".{'0123456789abcdef'}{unfinished.suffix}")
            left.touch()
    remove_unfinished(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(
        [*kept, tmp_path / "weights.safetensors", tmp_path / "plain"]
    )


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_interrupts_and_errors_of_others_pass_and_leave_nothing(
    error: type[BaseException], tmp_path: Path
) -> None:
    def write() -> None:
        with replacing(tmp_path / "a") as unfinished:
            unfinished.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert list(tmp_path.iterdir()) == []


def test_content_is_on_the_disk_before_it_takes_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        done.append("folder" if folder else "file")
        fsync(descriptor)

    def replaced(old: Path, new: Path) -> None:
        done.append("replace")
        replace(old, new)

    monkeypatch.setattr(files.os, "fsync", synced)
    monkeypatch.setattr(files.os, "replace", replaced)
    write_whole(tmp_path / "a", "x")
    assert done == ["file", "replace", "folder"]


def test_folders_are_made_only_when_asked(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"new/a: cannot write: No such file or directory"):
        write_whole(tmp_path / "new" / "a", "x")
    write_whole(tmp_path / "new" / "a", "é", parents=True)
    assert (tmp_path / "new" / "a").read_bytes() == "é".encode()
    with pytest.raises(WriteError, match=r"Not a directory|File exists"):
        write_whole(tmp_path / "new" / "a" / "b", "x", parents=True)
    with pytest.raises(WriteError, match="Is a directory"):
        write_whole(tmp_path / "new", "x")
    assert list((tmp_path / "new").iterdir()) == [tmp_path / "new" / "a"]


def test_modes_are_those_of_other_files_and_links_stay(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("x")
    (tmp_path / "link").symlink_to("target")
    write_whole(tmp_path / "link", "through")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "through"
    assert (tmp_path / "target").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_pipe_is_written_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_whole(pipe, "through")
    reader.join()
    assert read == ["through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_the_error_travels_between_processes() -> None:
    error = WriteError(Path("a"), OSError(errno.ENOSPC, "No space left on device"))
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.errno) == (str(error), errno.ENOSPC)
