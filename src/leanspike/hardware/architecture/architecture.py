"""What a storage level is described with: formats, fan-out, bandwidth, conditions, loop rules.

An accelerator: storage levels from the outermost memory inward, fan-outs, a compute unit.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import Field, field_validator, model_validator

from leanspike.errors import InputError
from leanspike.hardware.identity import Same
from leanspike.spec import Spec, load_yaml, parse_spec

Count = Annotated[int, Field(ge=1)]
FormatName = Literal["UOP", "UBM", "CP", "RLE"]
#: Bits of a word: a number, or as many as a weight of the layer has.
WordBits = Annotated[int, Field(ge=1, le=64)] | Literal["weights"]


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
    ``choices`` are the ranks that :meth:`Architecture.with_formats` puts here, by format; one that
    is not listed replaces the innermost rank alone and has its own widths.
    """

    ranks: Annotated[tuple[Rank, ...], Field(min_length=1)]
    from_inside: bool = False
    choices: dict[FormatName, Annotated[tuple[Rank, ...], Field(min_length=1)]] = Field(
        default_factory=dict
    )

    def chosen(self, name: FormatName) -> tuple[Rank, ...]:
        """Return the ranks that store the tensor in another format."""
        return self.choices.get(name, (*self.ranks[:-1], Rank(format=name)))

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


Energy = Annotated[float, Field(ge=0)]

#: What a storage level can be charged for, in pJ per access (of a row, for reads and writes);
#: decompression, compression and wires per value.
STORAGE_ACTIONS = (
    "read", "write", "update",
    "gated_read", "gated_write", "gated_update",
    "skipped_read", "skipped_write", "skipped_update",
    "metadata_read", "metadata_write", "metadata_update",
    "gated_metadata_read", "gated_metadata_write", "gated_metadata_update",
    "skipped_metadata_read", "skipped_metadata_write", "skipped_metadata_update",
    "decompression", "compression", "wire",
)  # fmt: skip
#: What the compute unit can be charged for, in pJ per operation.
COMPUTE_ACTIONS = ("compute", "gated_compute", "skipped_compute")


class Level(Spec):
    """A storage level, or, keeping nothing, a place where the network fans out.

    Capacity is ``depth`` rows of ``width`` bits (``depth`` left out: as large as needed). One
    access moves a row, that is ``width // bits`` values; ``width`` left out means one value.
    ``word_bits`` makes a value take a whole word here, whatever the layer says: a number of bits,
    ``weights`` for as many as the layer's weights have, or either by tensor (``State`` among them;
    tensors not named keep the layer's bits). Timeloop's levels have one width for every tensor;
    costs name every tensor whose values are wider than their words.
    ``metadata: free`` stands for a design (or a published model) that leaves the metadata of this
    level out: formats still leave zeros out, and what says where takes no room, energy or time.
    A price for ``wire`` is pJ for every value that is read, filled or updated here, however many of
    them share a row: the network that carries words of this level one by one.
    ``one_axis`` keeps every loop of the fan-out on one axis, x or y, where x's rule then holds
    for both together (as in Timeloop).
    ``energy`` (pJ per action), ``area`` (um2) and ``leakage_uw`` override the component's.
    """

    name: Annotated[str, Field(min_length=1)]
    keeps: tuple[str, ...] = ()
    component: dict[str, Any] | None = None
    depth: Count | None = None
    width: Count | None = None
    word_bits: WordBits | dict[str, WordBits] | None = None
    metadata: Metadata | Literal["free"] | None = None
    bandwidth: Bandwidth = Bandwidth()
    fanout: Fanout = Fanout()
    cluster: Count = 1
    formats: dict[str, Format] = Field(default_factory=dict)
    skips: tuple[Condition, ...] = ()
    gates: tuple[Condition, ...] = ()
    time: LoopRule = LoopRule()
    y: LoopRule = LoopRule()
    x: LoopRule = LoopRule()
    one_axis: bool = False
    energy: dict[str, Energy] = Field(default_factory=dict)
    area: Annotated[float, Field(ge=0)] | None = None
    leakage_uw: Annotated[float, Field(ge=0)] | None = None

    @property
    def row_bits(self) -> int | None:
        """Bits of a row, where it does not depend on the values in it."""
        return self.width or (self.word_bits if isinstance(self.word_bits, int) else None)

    def word_of(self, tensor: str, weight_bits: int) -> int | None:
        """Return the bits of a tensor's words, None where values have the layer's bits.

        >>> level = Level(name="DRAM", word_bits={"Inputs": "weights", "Weights": 8})
        >>> [level.word_of(name, 2) for name in ("Inputs", "Weights", "Outputs")]
        [2, 8, None]
        """
        given = self.word_bits
        if isinstance(given, dict):
            given = given.get(tensor)
        return weight_bits if given == "weights" else given

    @property
    def free_metadata(self) -> bool:
        """Whether metadata takes no room, energy or time here."""
        return self.metadata == "free"

    @property
    def metadata_rows(self) -> Metadata | None:
        """Rows of their own for metadata; None where it shares the data's, or is free."""
        return self.metadata if isinstance(self.metadata, Metadata) else None

    @field_validator("word_bits", mode="before")
    @classmethod
    def _bits_of_words(cls, given: object) -> object:
        for word in given.values() if isinstance(given, dict) else (given,):
            whole = isinstance(word, int) and not isinstance(word, bool) and 1 <= word <= 64
            if not (word is None or word == "weights" or whole):
                raise InputError(f"found {word!r}, expected 1 to 64 bits or 'weights'")
        return given

    @field_validator("energy")
    @classmethod
    def _known_actions(cls, energy: dict[str, float]) -> dict[str, float]:
        return _check_actions(energy, STORAGE_ACTIONS)

    @model_validator(mode="after")
    def _has_room(self) -> Level:
        given = self.word_bits
        words = [*given.values()] if isinstance(given, dict) else [given]
        widest = max([word for word in words if isinstance(word, int)], default=0)
        if self.width is not None and self.width < widest:
            raise InputError(
                f"found {self.width}, expected at least word_bits = {widest}", where="width"
            )
        if self.depth is not None and self.row_bits is None:
            raise InputError("missing: a depth alone says no capacity", where="width")
        if not self.keeps and (self.formats or self.depth):
            raise InputError("has formats or a depth but keeps no tensor", where="keeps")
        return self


class Compute(Spec):
    """The unit that accumulates; ``gates`` and ``skips`` say what it does on a zero operand."""

    name: Annotated[str, Field(min_length=1)] = "MAC"
    component: dict[str, Any] | None = None
    gates: bool = False
    skips: bool = False
    energy: dict[str, Energy] = Field(default_factory=dict)
    area: Annotated[float, Field(ge=0)] | None = None
    leakage_uw: Annotated[float, Field(ge=0)] | None = None

    @field_validator("energy")
    @classmethod
    def _known_actions(cls, energy: dict[str, float]) -> dict[str, float]:
        return _check_actions(energy, COMPUTE_ACTIONS)


class Neuron(Spec):
    """The unit that updates the membrane: once per neuron and step, leak, threshold and reset.

    ``state`` names the levels that keep the membrane state, outermost first; the innermost of
    them is read and written on every update. ``units`` is how many there are, for area and
    leakage; left out, one beside every instance of that innermost level (one without a state).
    ``energy`` (pJ per update), ``area`` and ``leakage_uw`` (of one unit) override the component's.
    """

    name: Annotated[str, Field(min_length=1)] = "neuron"
    component: dict[str, Any] | None = None
    state: tuple[str, ...] = ()
    units: Count | None = None
    energy: Energy | None = None
    compare_energy: Energy | None = None
    area: Annotated[float, Field(ge=0)] | None = None
    leakage_uw: Annotated[float, Field(ge=0)] | None = None


class Architecture(Spec):
    """A whole accelerator; ``levels`` run from the outermost memory to the compute unit.

    Raises
    ------
    InputError
        When a key is unknown, a value out of range, a name used twice, or the neuron's state is
        kept at a level that is not there.

    >>> chip = Architecture(
    ...     name="tiny",
    ...     levels=[{"name": "DRAM", "keeps": ["Weights", "Inputs", "Outputs"]}],
    ... )
    >>> chip.instances(0), chip.compute.name
    (1, 'MAC')
    """

    name: Annotated[str, Field(min_length=1)]
    about: str = ""
    source: str = ""
    leaves_out: str = ""
    technology: Annotated[str, Field(pattern=r"^\d+nm$")] = "45nm"
    cycle_ns: Annotated[float, Field(gt=0)] = 5.0
    levels: Annotated[tuple[Level, ...], Field(min_length=1)]
    compute: Compute = Compute()
    neuron: Neuron | None = None

    @model_validator(mode="after")
    def _names_fit(self) -> Architecture:
        levels = [level.name for level in self.levels]
        named = [("levels", name) for name in levels] + [("compute.name", self.compute.name)]
        if self.neuron is not None:
            named.append(("neuron.name", self.neuron.name))
        seen: set[str] = set()
        for where, name in named:
            if name in seen:
                raise InputError(
                    f"the name {name!r} twice", where=where,
                    remedy="Levels, the compute unit and the neuron need names of their own",
                )  # fmt: skip
            seen.add(name)
        for name in self.neuron.state if self.neuron else ():
            if name not in levels:
                raise InputError(
                    f"no level {name!r}",
                    where="neuron.state",
                    remedy=f"Levels: {', '.join(levels)}",
                )
        return self

    @classmethod
    def load(cls, source: str | Path) -> Architecture:
        """Read an architecture from a YAML file, or take a preset by its name.

        Raises
        ------
        InputError
            When there is neither such a preset nor such a file, or the file does not fit.
        """
        path = preset_path(str(source)) or Path(source)
        if not path.exists():
            raise InputError(
                f"neither a preset nor a file: {source}",
                where="architecture",
                remedy=f"Presets: {', '.join(preset_names())}",
            )
        stat = path.stat()
        return _read(path, (stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size))

    def with_formats(self, name: str | None) -> Architecture:
        """Return a copy whose compressed tensors all use one format as their innermost rank.

        ``name`` is UOP, UBM, CP or RLE; "U" stores every value with its zeros; None changes
        nothing. Ranks above the innermost stay as they are and the innermost has its format's own
        widths, unless ``choices`` of the tensor's format say otherwise.
        """
        if name is None:
            return self
        if name not in (*get_args(FormatName), "U"):
            raise InputError(
                f"found {name!r}, expected {', '.join(get_args(FormatName))}, U or nothing",
                where="formats",
            )
        return _reformatted(Same(self), cast(FormatName, name))

    def index(self, name: str) -> int:
        """Return the position of a level by name, 0 being the outermost."""
        for i, level in enumerate(self.levels):
            if level.name == name:
                return i
        names = ", ".join(level.name for level in self.levels)
        raise InputError(f"no level {name!r}", remedy=f"Levels: {names}")

    @property
    def neuron_level(self) -> int | None:
        """The level that neurons sit at: the innermost that keeps their state, if one does."""
        if self.neuron is None or not self.neuron.state:
            return None
        return max(self.index(name) for name in self.neuron.state)

    @property
    def neuron_units(self) -> int:
        """How many neuron units there are; see :class:`Neuron`."""
        if self.neuron is None:
            return 0
        level = self.neuron_level
        return self.neuron.units or (1 if level is None else self.instances(level))

    def instances(self, level: int) -> int:
        """Return how many instances of a level the hardware has; ``len(levels)``: compute units."""
        total = 1
        for above in self.levels[:level]:
            total *= above.fanout.total
        return total


# A study reads its few files once for every point: they are the same objects each time.
@lru_cache(maxsize=64)
def _read(path: Path, version: tuple[int, ...]) -> Architecture:
    """Read a file, again when its ``version`` has changed."""
    return parse_spec(Architecture, load_yaml(path), where=str(path))


@lru_cache(maxsize=256)
def _reformatted(chip: Same[Architecture], name: FormatName | Literal["U"]) -> Architecture:
    levels = []
    for level in chip.it.levels:
        formats = {
            tensor: layout.model_copy(update={"ranks": layout.chosen(name)})
            for tensor, layout in level.formats.items()
            if name != "U"
        }
        levels.append(level.model_copy(update={"formats": formats}))
    return chip.it.model_copy(update={"levels": tuple(levels)})


def preset_names() -> tuple[str, ...]:
    """Return the names of the presets that come with the package."""
    return tuple(sorted(path.stem for path in _PRESETS.glob("*.yaml")))


def preset_path(name: str) -> Path | None:
    """Return the file of a preset, or None when there is none of that name."""
    path = _PRESETS / f"{name}.yaml"
    return path if Path(name).name == name and path.exists() else None


def _check_actions(energy: dict[str, float], known: tuple[str, ...]) -> dict[str, float]:
    for action in energy:
        if action not in known:
            raise InputError(f"unknown action {action!r}", remedy=f"Actions: {', '.join(known)}")
    return energy


_PRESETS = Path(__file__).parent / "presets"
