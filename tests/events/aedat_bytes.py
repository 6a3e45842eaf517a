"""AEDAT 3.1 files written byte for byte, for the tests of this room."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

HEADER = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n"


def packet(
    t: NDArray[np.int64],
    x: NDArray[np.int64],
    y: NDArray[np.int64],
    p: NDArray[np.int64],
    *,
    valid: NDArray[np.int64] | None = None,
    overflow: int = 0,
    kind: int = 1,
    order: str = "<",
    spare: int = 0,
) -> bytes:
    """One packet of polarity events; `spare` events of room are left, filled with ones."""
    ok = np.ones(len(t), int) if valid is None else valid
    header = struct.pack(
        order + "hhiiiiii", kind, 1, 8, 4, overflow, len(t) + spare, len(t), int(ok.sum())
    )
    events = [
        struct.pack(order + "Ii", a << 17 | b << 2 | c << 1 | d, stamp)
        for stamp, a, b, c, d in zip(
            t.tolist(), x.tolist(), y.tolist(), p.tolist(), ok.tolist(), strict=True
        )
    ]
    return header + b"".join(events) + b"\xff" * (8 * spare)


def one_event(t: int, *, overflow: int = 0, x: int = 3, y: int = 5, p: int = 1) -> bytes:
    """A packet of one event."""
    return packet(*(np.array([v]) for v in (t, x, y, p)), overflow=overflow)
