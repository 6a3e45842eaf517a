"""The one way a file is written: whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from leanspike.errors import InputError


class WriteError(InputError, OSError):
    """A file that cannot be written: no folder, no permission, no room.

    It is the system's failure (`errno` says which), yet most often the user can do something.
    """

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(
            f"cannot write: {error.strerror or error}",
            where=str(path),
            remedy="Name another folder, or make room",
        )
        self.errno, self.strerror, self.filename = error.errno, error.strerror, str(path)

    __str__ = ValueError.__str__

    def __reduce__(self) -> tuple[type[WriteError], tuple[Path, OSError]]:
        """Travel between processes; errors of several arguments cannot by themselves."""
        return WriteError, (Path(self.filename), OSError(self.errno, self.strerror))


def write_whole(path: Path, content: bytes | str, *, parents: bool = False) -> None:
    """Write a file (text as UTF-8) so that a failure leaves what was there; see `replacing`."""
    with replacing(path, parents=parents) as unfinished:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes were writing in a folder, in which nobody writes now."""
    for path in folder.glob(".*"):
        if re.fullmatch(r"\.[0-9a-f]{16}", path.name.removesuffix(path.suffix)):
            with contextlib.suppress(OSError):
                path.unlink()


@contextlib.contextmanager
def replacing(path: str | Path, *, parents: bool = False) -> Iterator[Path]:
    """Give another name to write a file under; what was written there then takes its place.

    The name lies beside `path`, ends as it does, and is nobody else's, so that several processes
    may write one file: one of theirs stays, whole. The content is on the disk before it takes the
    place of what was there. When anything fails or interrupts, the old file stays and nothing
    else. A link is followed; what is no file (a pipe, a terminal) is written as it is.

    Parameters
    ----------
    path
        The file.
    parents
        Whether to make folders that are not there.

    Raises
    ------
    WriteError
        When the file cannot be written.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "numbers.csv"
    >>> with replacing(path) as unfinished:
    ...     _ = unfinished.write_text("1,2")
    >>> [each.name for each in path.parent.iterdir()]
    ['numbers.csv']
    """
    path = Path(path)
    try:
        if parents:
            path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file() and not path.is_dir():
            yield path
            return
        target = Path(os.path.realpath(path))
        unfinished = target.with_name(f".{secrets.token_hex(8)}{target.suffix}")
        try:
            yield unfinished
            with unfinished.open("r+b") as file:
                os.fsync(file.fileno())
            os.replace(unfinished, target)
        finally:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise WriteError(path, error) from error
    # Not every system has folders that can be opened; the file is in its place all the same.
    with contextlib.suppress(OSError):
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
