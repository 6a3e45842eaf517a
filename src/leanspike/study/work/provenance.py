"""What a result came from: versions, source revision, machine."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import leanspike
from leanspike.study.records import Provenance

_PACKAGES = ("torch", "lightning", "numpy", "numba", "tonic", "optuna")


def provenance() -> Provenance:
    """Return versions of what computes, the source's git revision, and the machine."""
    return Provenance(
        leanspike=leanspike.__version__,
        git=git_revision(),
        python=platform.python_version(),
        packages={name: found for name in _PACKAGES if (found := _version(name))},
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    )


def git_revision() -> str | None:
    """Return the commit of the checkout leanspike runs from, ``+`` where files differ from it.

    None where leanspike is not run from a checkout.
    """
    source = Path(leanspike.__file__).parent
    commit = _git(source, "rev-parse", "HEAD")
    if commit is None:
        return None
    changed = _git(source, "status", "--porcelain", "--", ".")
    return f"{commit}+" if changed else commit


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
