"""AEDAT 3.1 files: the format of IBM's DVS128 Gesture recordings.

A file is a text header, whose lines begin with ``#`` and end with ``#!END-HEADER``, then packets.
All numbers are little-endian. A packet is 28 bytes of header

===== ================ ============================================================
bytes field
===== ================ ============================================================
0-1   eventType        1 for polarity events; packets of other types are passed over
2-3   eventSource
4-7   eventSize        bytes per event: 8 for polarity events
8-11  eventTSOffset    where in an event its time stamp is: 4
12-15 eventTSOverflow  how often the 31-bit time stamp has overflowed
16-19 eventCapacity    events that there is room for, and bytes for, in the packet
20-23 eventNumber      events in the packet
24-27 eventValid       of these, valid ones
===== ================ ============================================================

and a polarity event is a word of data, ``x = (data >> 17) & 0x1FFF``, ``y = (data >> 2) & 0x1FFF``,
``p = (data >> 1) & 1``, bit 0 set where the event is valid, and a time stamp in microseconds.
Source: inivation's AEDAT 3.1 description and the README of IBM's archive (Amir et al. 2017).

Why not a library's reader: tonic's ``read_dvs_ibm`` (1.7) raises an error on every file, and what
it calls ignores event types, overflows and validity, and reads a truncated file without a word;
SpikingJelly's ``load_aedat_v3`` (2.0) ignores validity and truncation too, and loops in Python over
the events; expelliarmus (1.1) does not read AEDAT. ``tests/events/sources/test_aedat.py`` shows it.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.arrays import Bytes, Ints
from leanspike.errors import InputError

VERSION = b"#!AER-DAT3.1"
END = b"#!END-HEADER"
HEADER_LIMIT = 1 << 20  # bytes of text header to look through

# What the walk over the packets may end with.
_WHOLE, _CUT, _SWAPPED, _NONSENSE, _NEGATIVE, _BACK = range(6)
_FAULTS = {
    _CUT: ("the last packet is cut short", "The file is truncated: copy or unpack it again"),
    _SWAPPED: (
        "packets are big-endian, but AEDAT 3.1 is little-endian",
        "Write the file with its byte order corrected",
    ),
    _NONSENSE: ("this is no packet header", "The file is damaged: copy or unpack it again"),
    _NEGATIVE: (
        "a time stamp is negative",
        "AEDAT 3.1 has 31-bit time stamps and counts their overflows in each packet's header",
    ),
    _BACK: (
        "time goes back by more than a quarter of an hour",
        "The time stamp overflowed and eventTSOverflow did not count it, or packets are swapped",
    ),
}


class AedatEvents(NamedTuple):
    """Events of one file, in its order.

    ``t`` int64 [E], microseconds, overflows resolved; ``x``, ``y`` uint16 [E]; ``p`` uint8 [E],
    1 brighter (ON).
    """

    t: Ints
    x: NDArray[np.uint16]
    y: NDArray[np.uint16]
    p: Bytes


def read_aedat(path: Path) -> AedatEvents:
    """Read the valid polarity events of an AEDAT 3.1 file.

    Raises
    ------
    InputError
        When the file is missing, empty, of another version, truncated, big-endian or damaged; the
        error says which, and at which byte.
    """
    try:
        with path.open("rb") as file:
            start = _after_header(file.read(HEADER_LIMIT), path)
            file.seek(start)
            body = np.fromfile(file, np.uint8)
    except OSError as error:
        raise InputError(f"cannot read: {error.strerror or error}", where=str(path)) from error
    words = body[: len(body) // 4 * 4].view("<u4").astype(np.uint32, copy=False)
    end, position, count = _walk(words)
    if end == _WHOLE and len(body) % 4:
        end, position = _CUT, len(words)
    if end == _WHOLE:
        columns = AedatEvents(
            np.empty(count, np.int64),
            np.empty(count, np.uint16),
            np.empty(count, np.uint16),
            np.empty(count, np.uint8),
        )
        end, position, valid = _decode(words, *columns)
        if end == _WHOLE:
            t, x, y, p = columns
            return AedatEvents(t[:valid], x[:valid], y[:valid], p[:valid])
    what, remedy = _FAULTS[end]
    raise InputError(what, where=f"{path}, byte {start + 4 * position}", remedy=remedy)


def _after_header(beginning: bytes, path: Path) -> int:
    """Where the packets begin."""
    if not beginning:
        raise InputError("the file is empty", where=str(path), remedy="Copy or unpack it again")
    if not beginning.startswith(VERSION):
        found = beginning.split(b"\n", 1)[0][:40].decode("ascii", "replace").strip()
        raise InputError(
            f"begins with {found!r}, expected {VERSION.decode()!r}",
            where=str(path),
            remedy="Only AEDAT 3.1 is read here",
        )
    line = beginning.find(b"\n" + END)
    after = beginning.find(b"\n", line + 1)
    if line < 0 or after < 0:
        raise InputError(
            f"the text header has no line {END.decode()!r}",
            where=str(path),
            remedy="The file is truncated or damaged: copy or unpack it again",
        )
    return after + 1


@njit(cache=True)
def _walk(words):  # type: ignore[no-untyped-def]
    """Walk over the packets: how it ended, at which word, and how many polarity events."""
    position, count, total = 0, 0, len(words)
    while position < total:
        if position + 7 > total:
            return _CUT, position, count
        kind = words[position] & 0xFFFF
        size = np.int64(words[position + 1])
        capacity, number = np.int64(words[position + 4]), np.int64(words[position + 5])
        valid = np.int64(words[position + 6])
        if size > 0 and (size & 0xFFFFFF) == 0 and (kind & 0xFF) == 0:
            return _SWAPPED, position, count
        sound = 0 < size < 1 << 28 and size % 4 == 0 and valid <= number <= capacity < 1 << 31
        if kind == 1:
            sound = sound and size == 8 and words[position + 2] == 4
        if not sound:
            return _NONSENSE, position, count
        after = position + 7 + capacity * (size // 4)
        if after > total:
            return _CUT, position, count
        if kind == 1:
            count += number
        position = after
    return _WHOLE, position, count


@njit(cache=True)
def _decode(words, t, x, y, p):  # type: ignore[no-untyped-def]
    """Fill the columns from packets that `_walk` found sound; ends as it does."""
    position, count = 0, 0
    before = np.int64(0)
    while position < len(words):
        size = np.int64(words[position + 1])
        number = np.int64(words[position + 5])
        if (words[position] & 0xFFFF) == 1:
            overflow = np.int64(words[position + 3]) << 31
            for e in range(number):
                word = position + 7 + 2 * e
                data, stamp = words[word], words[word + 1]
                if data & 1 == 0:
                    continue
                if stamp >> 31:
                    return _NEGATIVE, word, count
                now = overflow | np.int64(stamp)
                if count and now + (1 << 30) < before:
                    return _BACK, word, count
                t[count] = now
                x[count] = (data >> 17) & 0x1FFF
                y[count] = (data >> 2) & 0x1FFF
                p[count] = (data >> 1) & 1
                before = now
                count += 1
        position += 7 + np.int64(words[position + 4]) * (size // 4)
    return _WHOLE, position, count
