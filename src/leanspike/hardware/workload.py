"""A network as hardware sees it: its weight layers, read from and written to files."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from leanspike.errors import InputError
from leanspike.hardware.layer import Bits as Bits
from leanspike.hardware.layer import Densities as Densities
from leanspike.hardware.layer import Density as Density
from leanspike.hardware.layer import Layer as Layer
from leanspike.hardware.layer import Statistic as Statistic
from leanspike.hardware.spec import Spec, parse_spec, read_spec, write_yaml
from leanspike.hardware.workload_csv import read_rows, write_rows


class LeftOut(Spec):
    """Work of a network that no layer states: its multiply-accumulates per sample, and why.

    ``operations`` is 0 where it is not known how many.
    """

    name: Annotated[str, Field(min_length=1)]
    operations: Annotated[float, Field(ge=0)]
    reason: str

    def __str__(self) -> str:
        work = f"{self.operations:,.0f}" if self.operations else "an unknown number of"
        return f"{self.name}: {work} operations ({self.reason})"


class Workload(Spec):
    """The weight layers of a network in call order, with where their figures come from.

    ``left_out`` names what the network computes besides, which is not priced.

    Raises
    ------
    InputError
        When there is no layer or two have one name.

    >>> published = Workload.load("published")
    >>> len(published.layers), published.layers[3].name
    (11, 'Conv4')
    """

    name: str = "workload"
    source: str = ""
    layers: Annotated[tuple[Layer, ...], Field(min_length=1)]
    left_out: tuple[LeftOut, ...] = ()

    @field_validator("layers", mode="after")
    @classmethod
    def _distinct(cls, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
        seen: set[str] = set()
        for layer in layers:
            if layer.name in seen:
                raise InputError(f"two layers are called {layer.name!r}")
            seen.add(layer.name)
        return layers

    @property
    def left_out_share(self) -> float:
        """Share of all multiply-accumulates that is left out, zeros counted everywhere."""
        left = sum(one.operations for one in self.left_out)
        return left / (left + sum(layer.accumulates for layer in self.layers))

    def at(self, statistic: Statistic) -> Workload:
        """Return the workload with one number per density: its mean or its maximum."""
        return self.replace(layers=tuple(layer.at(statistic) for layer in self.layers))

    def with_weight_bits(self, bits: int) -> Workload:
        """Return the workload with every layer's weights ``bits`` wide."""
        layers = (
            layer.replace(bits=Bits(**{**dict(layer.bits), "weights": bits}))
            for layer in self.layers
        )
        return self.replace(layers=tuple(layers))

    def replace(self, **changes: Any) -> Workload:
        """Return a checked copy with the given fields changed."""
        return Workload(**{**dict(self), **changes})

    @classmethod
    def load(cls, source: str | Path) -> Workload:
        """Read a workload: our YAML, the study's CSV (``*.csv``), or a bundled one by name.

        Raises
        ------
        InputError
            When the file cannot be read or does not fit; it names file, place and value.
        """
        path = Path(source)
        if str(source) in workload_names():
            bundled = resources.files("leanspike.hardware") / "workloads" / f"{source}.yaml"
            with resources.as_file(bundled) as file:
                return read_spec(cls, file)
        if path.suffix.lower() == ".csv":
            return cls.from_csv(path)
        if not path.suffix and not path.exists():
            names = ", ".join(workload_names())
            raise InputError("no such workload", where=str(source), remedy=f"Bundled: {names}")
        return read_spec(cls, path)

    def save(self, path: str | Path) -> None:
        """Write our YAML, which keeps everything; fields at their defaults are left out."""
        data = self.model_dump(mode="json", exclude_defaults=True)
        for layer, dumped in zip(self.layers, data["layers"], strict=True):
            for tensor, density in dumped.get("density", {}).items():
                both: Density = getattr(layer.density, tensor)
                if both.mean == both.max:
                    dumped["density"][tensor] = density["mean"]
        write_yaml(data, Path(path))

    @classmethod
    def from_csv(cls, path: str | Path) -> Workload:
        """Read the study's CSV (see :mod:`leanspike.hardware.workload_csv`).

        Raises
        ------
        InputError
            Naming file, row and column.
        """
        layers = tuple(read_rows(Path(path)))
        return parse_spec(cls, {"name": Path(path).stem, "layers": layers}, where=str(path))

    def to_csv(self, path: str | Path, statistic: Statistic | None = None) -> None:
        """Write the study's CSV, with further columns where a layer has more to say.

        Parameters
        ----------
        path
            File to write.
        statistic
            Whether to write one number per density, its mean or its maximum; both by default.

        Raises
        ------
        InputError
            When the file cannot be written, or a layer has something without a column, or the
            workload leaves something out, which no row can say.
        """
        if self.left_out:
            raise InputError(
                f"{len(self.left_out)} parts of the network are left out, which CSV cannot say",
                where=str(path),
                remedy="Write YAML, which keeps everything",
            )
        write_rows((self if statistic is None else self.at(statistic)).layers, Path(path))


def left_out_lines(left_out: Sequence[LeftOut], share: float) -> list[str]:
    """Say in lines of text what is not priced and what share of the operations that is."""
    if not left_out:
        return []
    return [f"not priced: {share:.1%} of the operations", *(f"  {one}" for one in left_out)]


def workload_names() -> list[str]:
    """Names of the bundled workloads."""
    folder = resources.files("leanspike.hardware") / "workloads"
    return sorted(
        entry.name.removesuffix(".yaml")
        for entry in folder.iterdir()
        if entry.name.endswith(".yaml")
    )
