"""How a tile's non-zeros are written down: one format per rank, outermost first."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from leanspike.hardware.spec import Spec

FormatName = Literal["U", "UOP", "UBM", "CP", "RLE"]
FORMAT_NAMES: tuple[FormatName, ...] = ("U", "UOP", "UBM", "CP", "RLE")
#: Width of a run length when none is given: what the published study's files use.
RUN_BITS = 4


class Rank(Spec):
    """The format of one rank of a tile, seen as fibers of a number of coordinates each.

    ======  ==========================  =====================================================
    name    stored coordinates          metadata
    ======  ==========================  =====================================================
    U       all                         none
    UOP     those with non-zeros        an offset per coordinate and one more (as CSR's rows)
    UBM     those with non-zeros        one bit per coordinate
    CP      those with non-zeros        each one's coordinate
    RLE     those with non-zeros        the run of empty coordinates before each
    ======  ==========================  =====================================================

    ``word_bits`` is the width of an offset, a coordinate or a run; without it, or where it is too
    narrow for their range, offsets and coordinates are as narrow as the range allows, and runs have
    4 bits. A plain name stands for a rank of that format.

    >>> Rank.model_validate("RLE").run_bits
    4
    """

    format: FormatName
    word_bits: Annotated[int, Field(ge=1, le=64)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, data: Any) -> Any:
        return {"format": data} if isinstance(data, str) else data

    @property
    def run_bits(self) -> int:
        """Width of a run length."""
        return self.word_bits or RUN_BITS
