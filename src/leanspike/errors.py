"""The one error users see: what went wrong, where, and what to do about it."""

from __future__ import annotations

from importlib.util import find_spec


class InputError(ValueError):
    """Something the user gave (a file, a key, an argument) cannot be used.

    The command line prints it as one message without a traceback and exits with status 2
    (1 where the system is to blame: :class:`~leanspike.files.WriteError`).

    Parameters
    ----------
    what
        What is wrong, with what was found and what was expected.
    where
        The file, key, layer or argument it was found in; omitted where there is none.
    remedy
        What to do about it; omitted where the message says it already.

    >>> str(InputError("density 1.2 is not between 0 and 1", where="w.csv, row 3, weights"))
    'w.csv, row 3, weights: density 1.2 is not between 0 and 1'
    """

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        message = f"{where}: {what}" if where else what
        super().__init__(f"{message}. {remedy}" if remedy else message)
        self.what = what
        self.where = where
        self.remedy = remedy


def need(package: str, *, extra: str, by: str) -> None:
    """Say which extra brings a package that is not installed.

    Raises
    ------
    ModuleNotFoundError
        Naming the package, what needs it and the command that installs it.
    """
    if find_spec(package) is None:
        raise ModuleNotFoundError(
            f"{by} needs the package {package}, which is not installed. "
            f"Install it with: pip install 'leanspike[{extra}]'",
            name=package,
        )
