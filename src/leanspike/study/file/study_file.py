"""Budgets as people write them: ``energy <= 5 mJ``, ``size <= 200 kB``, ``latency <= 1 ms``.

The ``search`` section of a study file.

The study file: what a study tries, in YAML, checked before anything runs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidationInfo, field_validator, model_validator

from leanspike.compress.strategy import Strategy, parse_strategy
from leanspike.errors import InputError
from leanspike.spec import Spec, read_spec

Quantity = Literal["energy", "latency", "size"]

#: Per quantity, what one of each unit is in pJ, seconds and bits. SI prefixes; Ki and Mi are 2^10
#: and 2^20.
UNITS: dict[Quantity, dict[str, float]] = {
    "energy": {"pJ": 1.0, "nJ": 1e3, "uJ": 1e6, "µJ": 1e6, "μJ": 1e6, "mJ": 1e9, "J": 1e12},
    "latency": {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0},
    "size": {
        "bit": 1.0, "B": 8.0, "kB": 8e3, "MB": 8e6, "KiB": 8.0 * 2**10, "MiB": 8.0 * 2**20,
    },
}  # fmt: skip
_FORM = re.compile(
    r"\s*([A-Za-z]+)\s*(?:<=|≤|<)\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*([^\d\s.]\S*)\s*"
)


@dataclass(frozen=True)
class Budget:
    """The most that one inference, or the weights, may take.

    Attributes
    ----------
    most
        In pJ, seconds or bits.
    """

    quantity: Quantity
    most: float
    text: str

    def shown(self, value: float) -> str:
        """Write a value of the budget's quantity, in pJ, seconds or bits, in the budget's unit.

        >>> parse_budget("energy <= 5 mJ").shown(6.1e9)
        '6.1 mJ'
        """
        unit = next(
            unit
            for unit in sorted(UNITS[self.quantity], key=len, reverse=True)
            if self.text.endswith(unit)
        )
        return f"{value / UNITS[self.quantity][unit]:.4g} {unit}"


def parse_budget(text: str) -> Budget:
    """Read a budget.

    Raises
    ------
    InputError
        Saying what was found and what was expected.

    >>> parse_budget("energy <= 5 mJ").most
    5000000000.0
    >>> parse_budget("size <= 200 kB").most
    1600000.0
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise InputError(
            f"found {text!r}, expected a quantity, <=, a number and a unit",
            remedy="Such as: energy <= 5 mJ, size <= 200 kB, latency <= 1 ms",
        )
    name, number, unit = found.groups()
    quantity = next((known for known in UNITS if known == name), None)
    if quantity is None:
        raise InputError(f"found {name!r} in {text!r}, expected one of {', '.join(UNITS)}")
    if unit not in UNITS[quantity]:
        raise InputError(
            f"found the unit {unit!r} in {text!r}, expected one of {', '.join(UNITS[quantity])}"
        )
    most = float(number) * UNITS[quantity][unit]
    if not most > 0:
        raise InputError(f"found {text!r}, expected more than 0")
    return Budget(quantity, most, text.strip())


WeightBits = Annotated[int, Field(ge=1, le=16)]
Sparsity = Annotated[float, Field(ge=0, lt=1)]
Number = Annotated[float, Field(ge=0)]


class ValueRange(Spec):
    """Evenly spaced values, both ends included.

    >>> ValueRange(low=0.5, high=0.9, step=0.2).values
    (0.5, 0.7, 0.9)
    """

    low: Number
    high: Number
    step: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _upwards(self) -> ValueRange:
        if self.high < self.low:
            raise InputError(f"high {self.high:g} is below low {self.low:g}")
        if (self.high - self.low) / self.step > 64:
            raise InputError(f"more than 64 values from {self.low:g} to {self.high:g}")
        return self

    @property
    def values(self) -> tuple[float, ...]:
        """The values, rounded to nine digits."""
        count = int((self.high - self.low) / self.step + 1e-9) + 1
        return tuple(round(self.low + i * self.step, 9) for i in range(count))


class SearchSection(Spec):
    """A search for bits and sparsity layer by layer, beside the grid or in its stead.

    ``trainings`` networks are fine-tuned at most; candidates that break the budget, or that a
    trained one clearly dominates, are priced but not trained. ``generation`` is how many are
    chosen at once, from what is known by then; the first ones lie along the predicted front.
    """

    method: Literal["nsga2", "tpe", "sensitivity"] = "nsga2"
    trainings: Annotated[int, Field(ge=1)] = 16
    generation: Annotated[int, Field(ge=2)] = 8
    objective: Quantity = "energy"
    budget: tuple[str, ...] = ()
    bits: tuple[WeightBits, ...] | ValueRange = (2, 3, 4, 8)
    sparsity: tuple[Sparsity, ...] | ValueRange = (0.0, 0.5, 0.8, 0.9, 0.95)
    #: Training recordings on which the network's sensitivity is measured.
    calibration: Annotated[int, Field(ge=1)] = 256
    seed: int = 0

    @field_validator("bits", "sparsity", mode="before")
    @classmethod
    def _ranges(cls, value: Any) -> Any:
        return ValueRange(**value) if isinstance(value, Mapping) else value

    @field_validator("budget", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("budget")
    @classmethod
    def _readable(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        named = [parse_budget(text).quantity for text in texts]
        for i, quantity in enumerate(named):
            if quantity in named[:i]:
                raise InputError(f"{quantity} is limited twice")
        return texts

    @model_validator(mode="after")
    def _has_choices(self) -> SearchSection:
        bits, sparsities = self.bits_choices, self.sparsity_choices
        for name, values in (("bits", bits), ("sparsity", sparsities)):
            if not values:
                raise InputError("empty, expected at least one value", where=name)
            if len(set(values)) < len(values):
                raise InputError("a value is given twice", where=name)
        if not all(1 <= b <= 16 for b in bits):
            raise InputError("expected whole numbers from 1 to 16", where="bits")
        if sparsities[-1] >= 1:
            raise InputError("expected values below 1", where="sparsity")
        return self

    @property
    def bits_choices(self) -> tuple[int, ...]:
        """Widths a layer may have, in increasing order."""
        values = self.bits.values if isinstance(self.bits, ValueRange) else self.bits
        if any(value != int(value) for value in values):
            raise InputError("expected whole numbers", where="bits")
        return tuple(sorted(int(value) for value in values))

    @property
    def sparsity_choices(self) -> tuple[float, ...]:
        """Fractions that may be pruned of a layer, in increasing order."""
        chosen = self.sparsity
        values = chosen.values if isinstance(chosen, ValueRange) else chosen
        return tuple(sorted(values))

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """The budgets, read."""
        return tuple(parse_budget(text) for text in self.budget)


StrategyName = Literal["quantize", "prune", "cumulative", "joint"]
FormatName = Literal["none", "RLE", "UOP", "UBM", "CP", "own"]
StatisticName = Literal["mean", "max"]
LoggerName = Literal["tensorboard", "mlflow", "wandb"]

Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]


class DataSection(Spec):
    """The recordings and how they become frames (see :func:`leanspike.events.load_data`)."""

    source: str = "digits-dvs"
    T: Count = 10
    by: Literal["count", "time"] = "count"
    seed: int = 0
    limit: Count | None = None
    root: Path | None = None
    download: bool = False
    #: Of arrays ``x`` and ``y``: their axes by letters (TCHW, TF, CHW, F), and how static images
    #: become steps.
    axes: str | None = None
    coding: Literal["direct", "rate"] = "direct"


class NetworkSection(Spec):
    """The network; what is left out follows the family (see ``leanspike.nn.NetworkConfig``)."""

    name: Literal["small", "tcja"] = "small"
    channels: Count | tuple[Count, ...] | None = None
    hidden: Count | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    neuron: dict[str, Any] = Field(default_factory=dict)


class CallSection(Spec):
    """How a network of the user's own is called (see :class:`leanspike.nn.Convention`).

    What is left out is found out by trial calls when the study begins.
    """

    framework: str | None = None
    takes: Literal["all", "batch-first", "step", "flat", "flat-batch-first", "own"] | None = None
    flatten: bool | None = None
    hands_state: bool | None = None
    output: Annotated[int, Field(ge=0)] | None = None
    axes: Literal["TNK", "NTK", "NKT", "NK", "(TN)K", "(NT)K"] | None = None
    values: Literal["spikes", "rates", "values"] | None = None
    readout: Literal["mean", "max", "last", "sum"] | None = None
    outputs: tuple[str, ...] | None = None

    @property
    def known(self) -> dict[str, Any]:
        """What is given."""
        return self.model_dump(exclude_none=True)


class OwnNetwork(Spec):
    """A network of the user's own.

    ``source`` names its code (``nets.py:make_net``, ``package.module:make_net``, a ``.nir``
    file); a study file alone never runs it: the command line names it too, or it is handed over in
    Python. ``weights`` are trained ones (safetensors); the float training is then skipped, as it is
    where ``trained`` says that the network comes with them. What comes after them is filled in as
    the study begins.
    """

    source: Annotated[str, Field(min_length=1)]
    weights: Path | None = None
    trained: bool = False
    call: CallSection | None = None
    sha256: str | None = None
    weights_sha256: str | None = None
    #: How it runs, in a line.
    runs: str | None = None
    #: Buffers that hold only what the last batch left.
    transient: tuple[str, ...] = ()


def network_section(value: Any) -> Any:
    """Read a network section of either kind: one with a ``source`` is the user's own."""
    if not isinstance(value, Mapping):
        return value
    return OwnNetwork(**value) if "source" in value else NetworkSection(**value)


class TrainingSection(Spec):
    """How the float network is trained, and what every later phase shares with it."""

    epochs: Count = 8
    lr: Rate = 4e-3
    warmup_epochs: Annotated[int, Field(ge=0)] = 1
    batch_size: Count = 16
    shift: Annotated[int, Field(ge=0)] = 0
    #: null: mse for spikes and rates, cross-entropy where a network of your own gives membranes.
    #: Here and below, a function of your own as ``losses.py:my_loss``, which ``--code`` names too.
    loss: str | None = None
    optimizer: str = "adam"
    weight_decay: Number = 0.0
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    augment: str | None = None
    #: The functions' hashes, filled in as the study begins.
    code: dict[str, str] = Field(default_factory=dict)
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    accelerator: str = "auto"
    #: How many work on one training together, each on its share of every batch.
    devices: Count = 1
    #: CPU threads of every training and measurement, in every worker: the number decides torch's
    #: last bits. One each, in as many processes as there are cores, does the most.
    threads: Annotated[int, Field(ge=1, le=1024)] = 1

    @field_validator("loss", "optimizer")
    @classmethod
    def _known_or_own(cls, value: str | None, info: ValidationInfo) -> str | None:
        known = {"loss": ("mse", "cross-entropy"), "optimizer": ("adam", "adamw", "sgd")}
        names = known[str(info.field_name)]
        if value is not None and value not in names and ":" not in value:
            raise InputError(
                f"found {value!r}, expected one of {', '.join(names)}, or a function of your own "
                "such as mine.py:function"
            )
        return value

    @field_validator("augment")
    @classmethod
    def _own(cls, value: str | None) -> str | None:
        if value is not None and ":" not in value:
            raise InputError(f"found {value!r}, expected a function such as mine.py:augment")
        return value

    @property
    def functions(self) -> dict[str, str]:
        """The user's own functions by key: ``{"loss": "losses.py:my_loss"}``."""
        given = {"loss": self.loss, "optimizer": self.optimizer, "augment": self.augment}
        return {key: name for key, name in given.items() if name is not None and ":" in name}


#: Keys of the published recipe; giving one of them without a recipe means that recipe.
_PUBLISHED = ("quantizer", "rounding", "initializer", "scope", "warmup_epochs")


class CompressionSection(Spec):
    """The axes of the grid, and what all compressed points share.

    ``recipe`` is how a network is compressed (:data:`leanspike.compress.recipes.RECIPES`). ``best``
    and ``fast`` prune first and quantize last; their ``effort`` multiplies the epochs of every
    phase, and ``epochs``, where given, are the epochs of one point in all instead.
    ``published`` is the published study's: at once, by global magnitude. It is what a file without
    a recipe means that gives ``quantizer``, ``rounding``, ``initializer``, ``scope`` or
    ``warmup_epochs``, or asks for ``joint``. Its ``epochs`` are the fine-tuning of one point in
    all; cumulative points halve it. ``lr: null`` takes the recipe's rate, the published one of
    which needs its 50 epochs.

    ``control`` also trains the float network on for as long as the compressed ones.
    """

    recipe: Literal["best", "fast", "published"] = "best"
    strategies: tuple[StrategyName, ...] = ("quantize", "prune", "cumulative")
    bits: tuple[WeightBits, ...] = (2, 3, 8)
    pruning: tuple[Sparsity, ...] = (0.0, 0.8, 0.95)
    effort: Annotated[float, Field(gt=0)] = 0.5
    epochs: Annotated[int, Field(ge=2)] | None = None
    lr: Rate | None = None
    warmup_epochs: Annotated[int, Field(ge=0)] | None = None
    quantizer: str | None = None
    rounding: Literal["ewgs", "ste"] | None = None
    initializer: Literal["max", "three-sigma", "percentile", "mse"] | None = None
    scope: Literal["global", "layerwise", "erk", "lamp"] | None = None
    #: WeightBits of every compressed network's membrane potentials; None leaves them float.
    membrane_bits: Annotated[int, Field(ge=2, le=32)] | None = None
    control: bool = True
    #: Strategies of your own beside the grid, phase by phase, in the form of
    #: :class:`leanspike.compress.Strategy`: everything that compression can do.
    own: tuple[Strategy, ...] = ()

    @field_validator("own", mode="before")
    @classmethod
    def _strategies(cls, values: Any) -> Any:
        if not isinstance(values, list | tuple):
            raise InputError(f"found {values!r}, expected a list of strategies")
        made = [
            each if isinstance(each, Strategy) else parse_strategy(each, where=f"strategy {i + 1}")
            for i, each in enumerate(values)
        ]
        names = [each.name for each in made]
        for i, name in enumerate(names):
            if name in {*names[:i], *get_args(StrategyName), "float", "search", "control"}:
                raise InputError(f"the name {name!r} is taken", remedy="Choose another")
        return tuple(made)

    @model_validator(mode="before")
    @classmethod
    def _of_recipe(cls, data: Any) -> Any:
        """Fill in what follows from the recipe, or from the lack of one."""
        if not isinstance(data, Mapping):
            return data
        given = dict(data)
        asked = given.get("strategies")
        joint = isinstance(asked, list | tuple) and "joint" in asked
        if "recipe" not in given and (
            joint or any(given.get(key) is not None for key in _PUBLISHED)
        ):
            given["recipe"] = "published"
        if given.get("recipe") == "published":
            given.setdefault("strategies", ("quantize", "prune", "cumulative", "joint"))
            for key, value in (("epochs", 4), ("lr", 1e-2), ("warmup_epochs", 1),
                               ("quantizer", "duq"), ("rounding", "ewgs"), ("scope", "global"),
                               ("control", False)):  # fmt: skip
                given.setdefault(key, value)
        return given

    @model_validator(mode="after")
    def _fits_the_recipe(self) -> CompressionSection:
        if self.recipe != "published" and "joint" in self.strategies:
            raise InputError(
                f"'joint' is of the recipe 'published'; {self.recipe!r} prunes first and quantizes "
                "last",
                where="strategies",
                remedy="Ask for cumulative, or for recipe: published",
            )
        return self

    @field_validator("strategies", "bits", "pruning")
    @classmethod
    def _distinct(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        return _without_repeats(values)

    @model_validator(mode="after")
    def _has_axes(self) -> CompressionSection:
        wants_bits = [name for name in self.strategies if name != "prune"]
        if wants_bits and not self.bits:
            raise InputError("empty, expected at least one width", where="bits")
        wants_pruning = [name for name in self.strategies if name != "quantize"]
        if wants_pruning and not any(self.pruning):
            raise InputError(
                f"{list(self.pruning)}: the strategy {wants_pruning[0]!r} needs a fraction above 0",
                where="pruning",
            )
        return self


class HardwareSection(Spec):
    """The accelerators and the readings on which every point is priced.

    The first architecture, format and statistic are what fronts show first. ``own`` are the
    formats that an architecture's file names; hardware is compared with hardware in them, and
    where they are asked for, architectures after the first are priced in them alone, at the first
    statistic.
    Weights that are not quantized are priced at ``unquantized_bits``, as the published study does.
    ``assumptions`` also prices every point with each modelling assumption switched by itself.
    """

    architectures: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "eyeriss_snn", "output_stationary", "tick_batching", "event_driven",
    )  # fmt: skip
    formats: Annotated[tuple[FormatName, ...], Field(min_length=1)] = (
        "RLE", "UOP", "UBM", "CP", "own",
    )  # fmt: skip
    statistics: Annotated[tuple[StatisticName, ...], Field(min_length=1)] = ("mean", "max")
    semantics: str = "physical"
    objective: Literal["edp", "energy", "latency"] = "edp"
    unquantized_bits: WeightBits = 8
    assumptions: bool = True

    @field_validator("architectures", "formats", "statistics")
    @classmethod
    def _distinct(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        return _without_repeats(values)


class StudyFile(Spec):
    """A whole study. Left-out keys keep their defaults; no keys at all is the default study.

    >>> StudyFile(seeds=[0, 1, 2]).compression.bits
    (2, 3, 8)
    >>> StudyFile(compression={"scope": "global"}).compression.recipe
    'published'
    """

    name: Annotated[str, Field(min_length=1, max_length=80)] = "default"
    data: DataSection = DataSection()
    network: NetworkSection | OwnNetwork = NetworkSection()
    training: TrainingSection = TrainingSection()
    compression: CompressionSection = CompressionSection()
    hardware: HardwareSection = HardwareSection()
    search: SearchSection | None = None
    #: Where every epoch is logged to, beside the study's own database.
    logger: LoggerName | None = None
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (0,)

    @field_validator("network", mode="before")
    @classmethod
    def _own_or_family(cls, value: Any) -> Any:
        return network_section(value)

    @model_validator(mode="after")
    def _tries_something(self) -> StudyFile:
        axes = self.compression
        if not axes.strategies and not axes.own and self.search is None:
            raise InputError(
                "empty, expected at least one",
                where="compression.strategies",
                remedy="None at all is for studies with a search section",
            )
        return self

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, values: tuple[int, ...]) -> tuple[int, ...]:
        return _without_repeats(values)

    @classmethod
    def load(cls, path: str | Path) -> StudyFile:
        """Read a study file.

        Paths in it are taken from the folder the command runs in.

        Raises
        ------
        InputError
            Naming the file, the key, what was found and what was expected.
        """
        return read_spec(cls, Path(path))

    @classmethod
    def quick(cls) -> StudyFile:
        """Return a study of a minute or less, to see that an installation works."""
        return cls(
            name="quick",
            data=DataSection(limit=300, T=6),
            training=TrainingSection(epochs=4),
            compression=CompressionSection(
                recipe="fast", bits=(2, 8), pruning=(0.8,), control=False
            ),
            hardware=HardwareSection(formats=("RLE", "own"), assumptions=False),
        )

    def plain(self) -> dict[str, Any]:
        """Return the study as plain data, every key spelled out."""
        return self.model_dump(mode="json")


def _without_repeats(values: tuple[Any, ...]) -> tuple[Any, ...]:
    for i, value in enumerate(values):
        if value in values[:i]:
            raise InputError(f"{value!r} is given twice")
    return values
