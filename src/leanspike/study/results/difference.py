"""Comparing two studies: what was asked differently, and what came out differently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from leanspike.study.records import JsonObject
from leanspike.study.results.results import Results
from leanspike.study.results.settings import Setting, accuracy_noise, settings
from leanspike.study.results.tables import MainReading, aligned


@dataclass(frozen=True)
class SettingChange:
    """One setting that both studies have.

    Attributes
    ----------
    noise
        How far the accuracies may lie apart by chance; None where the studies were not measured
        on the same recordings, so that nothing can be said.
    same_weights
        Whether both have the same checkpoints, seed by seed.
    """

    name: str
    accuracy: tuple[float, float]
    noise: float | None
    energy_pj: tuple[float, float]
    same_weights: bool


@dataclass(frozen=True)
class Difference:
    """Two studies beside each other."""

    file: Mapping[str, tuple[JsonValue, JsonValue]]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    both: tuple[SettingChange, ...]

    def table(self) -> str:
        """Show the difference as plain text."""
        lines = [f"{key}: {a!r} -> {b!r}" for key, (a, b) in self.file.items()]
        lines += [f"only in the first: {name}" for name in self.only_first]
        lines += [f"only in the second: {name}" for name in self.only_second]
        head = ["setting", "accuracy %", "change", "noise", "energy uJ", "change %", "weights"]
        body = [
            [
                each.name,
                f"{100 * each.accuracy[0]:.2f} -> {100 * each.accuracy[1]:.2f}",
                f"{100 * (each.accuracy[1] - each.accuracy[0]):+.2f}",
                f"{100 * each.noise:.2f}" if each.noise is not None else "?",
                f"{each.energy_pj[0] * 1e-6:.4g} -> {each.energy_pj[1] * 1e-6:.4g}",
                f"{100 * (each.energy_pj[1] / each.energy_pj[0] - 1):+.1f}",
                "same" if each.same_weights else "other",
            ]
            for each in self.both
        ]
        return "\n".join([*lines, aligned([head, *body])])


def difference(first: Results, second: Results) -> Difference:
    """Compare two studies, setting by setting."""
    mine = {group.name: group for group in settings(first.priced)}
    other = {group.name: group for group in settings(second.priced)}
    same_data = first.data.fingerprint == second.data.fingerprint
    a, b = _flat(first.file.plain()), _flat(second.file.plain())
    return Difference(
        file={
            key: (a.get(key), b.get(key))
            for key in sorted(a.keys() | b.keys())
            if a.get(key) != b.get(key)
        },
        only_first=tuple(name for name in mine if name not in other),
        only_second=tuple(name for name in other if name not in mine),
        both=tuple(
            SettingChange(
                name=name,
                accuracy=(mine[name].accuracy.mean, other[name].accuracy.mean),
                noise=accuracy_noise(mine[name], other[name]) if same_data else None,
                energy_pj=(_energy(first, mine[name]), _energy(second, other[name])),
                same_weights=_hashes(mine[name]) == _hashes(other[name]),
            )
            for name in mine
            if name in other
        ),
    )


def _energy(results: Results, setting: Setting) -> float:
    main = MainReading.of(results)
    return setting.over_seeds(lambda result: main.cost(result).energy_pj).mean


def _hashes(setting: Setting) -> dict[int, str]:
    return {result.point.seed: result.measured.sha256 for result in setting.results}


def _flat(file: Mapping[str, JsonValue], prefix: str = "") -> JsonObject:
    flat: JsonObject = {}
    for key, value in file.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat
