"""Where numba keeps machine code: apart for every version of the sources it was made from.

numba looks at a function's own file to tell whether kept code is fresh, but the code holds
functions and types of other files too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

_config: Any = numba.config


def code_folder(sources: Path, pattern: str) -> Path:
    """Return the folder for code that is made from the files of a folder that match a pattern."""
    digest = hashlib.sha256()
    for path in sorted(sources.glob(pattern)):
        digest.update(path.read_bytes())
    place = Path(_config.CACHE_DIR or sources / "__pycache__")
    return place / f"kernels-{digest.hexdigest()[:16]}"


def compiled(function: Callable[..., Any], folder: Path, **options: Any) -> Any:
    """Compile a function when it is first called with new types; keep the code in a folder.

    Where the folder cannot be written, numba keeps it in the user's cache folder; where that cannot
    be either, every process compiles again.
    """
    usual, _config.CACHE_DIR = _config.CACHE_DIR, str(folder)
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # numba found no folder to write to
        return numba.njit(**options)(function)
    finally:
        _config.CACHE_DIR = usual
