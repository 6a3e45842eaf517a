"""What a storage level is described with: formats, fan-out, bandwidth, conditions, loop rules."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from leanspike.errors import InputError
from leanspike.hardware.spec import Spec

Count = Annotated[int, Field(ge=1)]
FormatName = Literal["UOP", "UBM", "CP", "RLE"]


class Rank(Spec):
    """One rank of a compressed tensor and the bits of its words.

    ``metadata_bits`` is the width of a coordinate, a run length or a mask bit, ``payload_bits``
    that of an offset; left out, the format's own default holds. ``loops`` lists the loops this
    rank may flatten (all of the tensor's when left out): loops, or groups of loops of which it
    flattens one. An empty list stands for one loop, whichever comes first.
    """

    format: FormatName
    metadata_bits: Annotated[int, Field(ge=0, le=64)] | None = None
    payload_bits: Annotated[int, Field(ge=0, le=64)] | None = None
    loops: tuple[str, ...] | tuple[tuple[str, ...], ...] | None = None

    def group_of(self, dim: str) -> int:
        """Return the number of the first group of ``loops`` that a loop is in, 0 without.

        >>> Rank(format="UOP", loops=[["M"], ["C", "R"]]).group_of("R")
        2
        """
        for number, group in enumerate(self.groups, start=1):
            if dim in group:
                return number
        return 0

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Return the loops that may be flattened together."""
        loops = self.loops or ()
        several = tuple(group for group in loops if not isinstance(group, str))
        return several or ((tuple(str(dim) for dim in loops),) if loops else ())


class Format(Spec):
    """How a level stores a tensor: its ranks, outermost first.

    ``from_inside`` gives the innermost rank the innermost loops; otherwise the outermost rank
    takes the outermost loops. The two differ where there are more ranks than loops.
    """

    ranks: Annotated[tuple[Rank, ...], Field(min_length=1)]
    from_inside: bool = False

    @property
    def leaves_out_zeros(self) -> bool:
        """Return whether any rank stores what is not zero only."""
        return any(rank.format != "UOP" for rank in self.ranks)

    @model_validator(mode="before")
    @classmethod
    def _from_names(cls, data: Any) -> Any:
        if isinstance(data, str):
            data = [data]
        if isinstance(data, (list, tuple)):
            ranks = [{"format": rank} if isinstance(rank, str) else rank for rank in data]
            return {"ranks": ranks}
        return data


class Fanout(Spec):
    """Instances of everything below a level: along x and down y."""

    x: Count = 1
    y: Count = 1

    @property
    def total(self) -> int:
        """Instances below one instance of the level."""
        return self.x * self.y


class Bandwidth(Spec):
    """Words that one instance can deliver or take per cycle; unlimited where left out.

    A word has ``word_bits`` bits: left out, the level's own ``word_bits``, else a row of the level,
    else the widest value that it keeps. (Under Sparseloop's rules a word is a value of any width.)
    """

    read: Annotated[float, Field(gt=0)] | None = None
    write: Annotated[float, Field(gt=0)] | None = None
    shared: Annotated[float, Field(gt=0)] | None = None
    word_bits: Annotated[int, Field(ge=1, le=1 << 16)] | None = None


class Condition(Spec):
    """Do not touch the ``target`` tensor while the tile of a ``when_empty`` tensor is empty."""

    target: str
    when_empty: Annotated[tuple[str, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _on_others(self) -> Condition:
        if self.target in self.when_empty:
            raise InputError(f"{self.target} is conditioned on itself", where="when_empty")
        return self


class LoopRule(Spec):
    """What a mapping may do in one slot of a level (time, y or x).

    ``factors`` fixes the steps of a loop (0: all that remains of its bound), ``least`` and
    ``most`` bound them. ``dims`` lists the loops that may run here at all. ``outer`` run outside
    and ``inner`` inside of all others, each written outermost first.
    """

    factors: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    least: dict[str, Count] = Field(default_factory=dict)
    most: dict[str, Count] = Field(default_factory=dict)
    outer: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()
    dims: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> LoopRule:
        both = [dim for dim in self.outer if dim in self.inner]
        if both:
            raise InputError(f"{both[0]} is both outer and inner")
        for where, order in (("outer", self.outer), ("inner", self.inner)):
            if len(set(order)) != len(order):
                raise InputError("a loop twice", where=where)
        for dim, least in self.least.items():
            if least > self.most.get(dim, least):
                raise InputError(f"{dim}: least {least} is larger than most {self.most[dim]}")
        for dim, steps in self.factors.items():
            fits = self.least.get(dim, 1) <= steps <= self.most.get(dim, steps)
            if steps and not fits:
                raise InputError(f"{dim}: the factor {steps} contradicts its least or most")
            if self.dims is not None and steps != 1 and dim not in self.dims:
                raise InputError(f"{dim}: has a factor, but is not one of dims")
        return self


class Metadata(Spec):
    """Where a level keeps the metadata of compressed tensors: rows of ``width`` bits.

    Width 0 means there is no such place: nothing fits in it, and it costs nothing to touch.
    """

    width: Annotated[int, Field(ge=0)]
    depth: Annotated[int, Field(ge=0)] | None = None
