"""Damage to files: bytes, lines of text, plain data, arrays; every change drawn from a seed."""

from __future__ import annotations

import copy
import random
from typing import Any

import numpy as np

NUMBERS = (0, -1, 1, 2, 3, 255, 65536, 2**31, 2**63, -(2**63), 10**30, 0.5, -0.0, 1e308, 1e-320,
           float("nan"), float("inf"), float("-inf"))  # fmt: skip
VALUES = (*NUMBERS, None, True, False, "", "x", "1", "no such", "../../up", "\0", "a" * 5000, [],
          {}, [[]], [None], {"a": 1}, [1] * 300)  # fmt: skip
WORDS = ("0", "-1", "1e999", "nan", ".inf", "9" * 40, "null", "[]", "{}", "&a", "*a", "!!python/x",
         "- -", ":", "'", '"', "\t", "\0", "\ufeff", "é", "~", "1,2", ",,", "x" * 3000)  # fmt: skip


def damaged_bytes(content: bytes, draw: random.Random) -> bytes:
    """Flip, cut, insert, repeat or overwrite some bytes, once to four times."""
    data = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        if not data:
            return bytes(draw.randbytes(draw.randint(0, 50)))
        at = draw.randrange(len(data))
        # Headers are short and decide most: half of the damage is done there.
        at = at if draw.random() < 0.5 else min(at, draw.randrange(200))
        length = draw.choice((1, 1, 2, 4, 8, 100))
        match draw.randrange(7):
            case 0:
                data[at] ^= 1 << draw.randrange(8)
            case 1:
                data[at : at + length] = draw.randbytes(length)
            case 2:
                del data[at:]
            case 3:
                del data[at : at + length]
            case 4:
                data[at:at] = draw.randbytes(length)
            case 5:
                data[at:at] = data[at : at + length]
            case 6:
                filler = draw.choice((b"\0", b"\xff", b"\x7f", b"\x80"))
                data[at : at + length] = filler * min(length, len(data) - at)
    return bytes(data)


def damaged_text(text: str, draw: random.Random) -> str:
    """Change, drop, repeat, swap or indent lines, or words in them."""
    lines = text.splitlines(keepends=True)
    for _ in range(draw.randint(1, 3)):
        if not lines:
            return draw.choice(WORDS)
        at = draw.randrange(len(lines))
        match draw.randrange(7):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[draw.randrange(len(lines))])
            case 2:
                lines[at] = " " * draw.randint(1, 8) + lines[at]
            case 3:
                lines[at] = lines[at].lstrip()
            case 4 | 5:
                words = lines[at].replace(",", " , ").split(" ")
                words[draw.randrange(len(words))] = draw.choice(WORDS)
                lines[at] = " ".join(words)
                if not lines[at].endswith("\n"):
                    lines[at] += "\n"
            case 6:
                lines = [damaged_bytes("".join(lines).encode(), draw).decode("utf-8", "replace")]
    return "".join(lines)


def damaged_data(data: Any, draw: random.Random) -> Any:
    """Change, drop, add or rename some values of nested plain data."""
    changed = copy.deepcopy(data)
    for _ in range(draw.randint(1, 3)):
        places = list(_places(changed))
        if not places:
            return draw.choice(VALUES)
        inside, key = draw.choice(places)
        match draw.randrange(6):
            case 0 | 1 | 2:
                inside[key] = copy.deepcopy(draw.choice(VALUES))
            case 3:
                del inside[key]
            case 4:
                inside[key] = [inside[key]]
            case 5:
                other, name = draw.choice(places)
                inside[key] = copy.deepcopy(other[name])
    return changed


def _places(data: Any) -> Any:
    if isinstance(data, dict | list):
        keys = list(data) if isinstance(data, dict) else range(len(data))
        for key in keys:
            yield data, key
            yield from _places(data[key])


def damaged_array(array: np.ndarray, draw: random.Random) -> np.ndarray:
    """Change an array's values, type or shape."""
    generator = np.random.default_rng(draw.randrange(2**32))
    match draw.randrange(7):
        case 0:
            kind = draw.choice(("u1", "i1", "<u8", "<i8", ">i4", "<f4", "<f8", "?", "<U3", "<c8"))
            return array.astype(kind) if array.dtype.kind in "biuf" else array
        case 1:
            return array.reshape(-1)[: draw.randrange(array.size + 1)]
        case 2:
            return array[None]
        case 3:
            return np.zeros(draw.choice(((), (0,), (0, 0), (1, 1, 1, 1, 1))), array.dtype)
        case 4:
            return generator.integers(-(2**63), 2**63 - 1, array.shape)
        case 5:
            changed = array.astype(np.float64) if array.dtype.kind in "biuf" else np.zeros(1)
            if changed.size:
                changed.reshape(-1)[draw.randrange(changed.size)] = draw.choice(NUMBERS[8:])
            return changed
        case _:
            changed = array.copy()
            if changed.size and changed.dtype.kind in "iu":
                limits = np.iinfo(changed.dtype)
                at = draw.randrange(changed.size)
                changed.reshape(-1)[at] = draw.choice((limits.min, limits.max, 1, 0))
            return changed
