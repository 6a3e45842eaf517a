"""Metadata of one rank as Timeloop v3.0.3 counts it, in words, expected.

Facts from its format models (``src/workload/format-models``): fibers exist when they are not
empty, runs never overflow, and the innermost rank's payload is the data itself, so that caller
leaves it out. Plain numbers and integer codes, to be called inside compiled loops.
"""

from __future__ import annotations

from math import ceil

from leanspike.hardware.compiling import inlined

#: Integer codes of the formats, in the order of ``FORMAT_NAMES``.
U, UOP, UBM, CP, RLE = range(5)


@inlined
def metadata_words(
    code: int, fibers: float, shape: float, p_fiber: float, p_coordinate: float
) -> float:
    """Coordinates, bits or runs of all fibers of a rank.

    Parameters
    ----------
    code
        The format's integer code.
    fibers
        How many fibers the rank has when none is empty.
    shape
        Coordinates per fiber.
    p_fiber, p_coordinate
        Probability that a fiber, and what lies under one coordinate, is not empty.
    """
    if code == UBM:
        return fibers * p_fiber * shape
    if code == CP:
        return fibers * p_fiber * ceil(shape * p_coordinate)
    if code == RLE:
        return fibers * p_fiber * shape * p_coordinate
    return 0.0


@inlined
def payload_words(
    code: int, fibers: float, shape: float, p_fiber: float, p_coordinate: float
) -> float:
    """Payloads of all fibers of a rank: offsets for UOP, else one per stored coordinate.

    Parameters are those of :func:`metadata_words`; zero for U.
    """
    if code == UOP:
        return fibers * p_fiber * (shape + 1)
    if code == RLE:
        return fibers * p_fiber * shape * p_coordinate
    if code in (UBM, CP):
        return fibers * p_fiber * ceil(shape * p_coordinate)
    return 0.0
