"""Studies that come with the package, by name."""

from __future__ import annotations

from pathlib import Path

from leanspike.errors import InputError
from leanspike.study.file.study_file import StudyFile

_FOLDER = Path(__file__).parent / "presets"


def study_presets() -> tuple[str, ...]:
    """Names of the studies that come with the package.

    >>> "paper" in study_presets()
    True
    """
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def study_preset(name: str) -> StudyFile:
    """Return a study that comes with the package.

    Raises
    ------
    InputError
        When there is none of this name; the error lists those there are.

    >>> study_preset("paper").compression.bits
    (2, 3, 4, 6, 8)
    """
    if name not in study_presets():
        raise InputError(
            f"{name!r} is none of {', '.join(study_presets())}",
            where="preset",
            remedy="Give a file of your own as the argument instead",
        )
    return StudyFile.load(_FOLDER / f"{name}.yaml")
