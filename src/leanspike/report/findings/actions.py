"""What to do next, and what it does to the energy: at most three actions."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from leanspike.report.findings.across import on_every_hardware
from leanspike.report.findings.finding import Reader, named
from leanspike.study import Results, Setting
from leanspike.study.records import NARROW_MEMBRANE_BITS

#: An action that saves less is not worth naming.
LEAST = 0.01
MOST = 3


@dataclass(frozen=True)
class Action:
    """One thing to do.

    Attributes
    ----------
    what
        An imperative.
    effect
        Change of the energy of an inference, -0.38 for 38 % less.
    of
        What it is a change of.
    note
        What is not known of it, or how to try it; empty for nothing.
    """

    what: str
    effect: float
    of: str
    note: str = ""

    def __str__(self) -> str:
        """Write it as one line."""
        note = f" ({self.note})" if self.note else ""
        return f"{self.what}: {100 * self.effect:+.0f} % energy of {self.of}{note}"


def actions(results: Results) -> tuple[Action, ...]:
    """Return what saves the most energy, the largest effect first; all of it without loss.

    Effects come from the study's own prices, among them that of narrower membranes on the same
    activity.
    """
    study = Reader(results)
    best = study.frugal(study.lossless(study.compressed))
    if study.float is None or best is None:
        return ()
    found = [_ship(study, best), *_elsewhere(study), _format(study, best), _membranes(study, best)]
    worth = [action for action in found if action is not None and action.effect <= -LEAST]
    return tuple(sorted(worth, key=lambda action: action.effect)[:MOST])


def _ship(study: Reader, best: Setting) -> Action:
    assert study.float is not None
    effect = study.energy(best) / study.energy(study.float) - 1
    return Action(f"Ship {named(best)}", effect, f"float on {_chip(study)}")


def _elsewhere(study: Reader) -> list[Action]:
    found = [one for one in on_every_hardware(study) if one.best is not None]
    here = next((one for one in found if one.architecture == study.main.architecture), None)
    if here is None:
        return []
    least = min(found, key=lambda one: one.energy_pj)
    if least is here:
        return []
    assert least.best is not None
    effect = least.energy_pj / here.energy_pj - 1
    note = "accelerators differ in technology and size: see their files"
    what = f"Run {named(least.best)} on {least.architecture}"
    return [Action(what, effect, f"the best on {here.architecture}", note)]


def _format(study: Reader, best: Setting) -> Action | None:
    formats = [name for name in study.results.file.hardware.formats if name != "own"]
    least = min(formats, key=lambda name: study.energy_at(best, name, study.main.statistic))
    energy = study.energy_at(best, least, study.main.statistic)
    effect = energy / study.energy(best) - 1
    return Action(f"Store weights and spikes as {least}", effect, f"it in {study.main.format}")


def _membranes(study: Reader, best: Setting) -> Action | None:
    narrow = [result.narrow_pj for result in best.results if result.narrow_pj is not None]
    if len(narrow) < len(best.results):
        return None
    return Action(
        f"Store membranes at {NARROW_MEMBRANE_BITS} bits",
        fmean(narrow) / study.energy(best) - 1,
        f"{best.name} on {_chip(study)}",
        f"its accuracy was not tried: compression.membrane_bits: {NARROW_MEMBRANE_BITS} does",
    )


def _chip(study: Reader) -> str:
    return study.main.architecture
