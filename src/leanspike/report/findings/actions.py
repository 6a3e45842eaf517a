"""What to do next, and what it does to the energy: at most three actions."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.price import Job, price_all
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.layer import Bits
from leanspike.hardware.workload.workload import Workload
from leanspike.report.findings.across import on_every_hardware
from leanspike.report.findings.finding import Reader, named
from leanspike.study import Results, Setting

#: Width of membranes that is tried where they are wider.
MEMBRANE_BITS = 8
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

    Effects come from the study's own prices; that of narrower membranes, which the study did not
    try, from pricing the same activity again.
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
    hardware = study.results.file.hardware
    jobs = []
    try:
        chip = Architecture.load(study.main.architecture)
        rules = Semantics.preset(hardware.semantics)
    except InputError:
        return None  # the architecture's file is gone: what was priced on it stays readable
    format_ = {"none": "U", "own": None}.get(study.main.format, study.main.format)
    for result in best.results:
        workload = result.measured.workload
        if not result.measured.has_own_bits:
            workload = workload.with_weight_bits(hardware.unquantized_bits)
        if all(layer.bits.state <= MEMBRANE_BITS for layer in workload.layers):
            return None
        statistic = hardware.statistics[0]
        jobs += [
            Job(each, chip, rules, format_, statistic)
            for each in (workload, _narrow(workload, MEMBRANE_BITS))
        ]
    try:
        energies = [one.cost.energy_pj for one in price_all(jobs, hardware.objective)]
    except InputError:
        return None  # the file has changed since, and takes this network no more
    effect = fmean(energies[1::2]) / fmean(energies[::2]) - 1
    return Action(
        f"Store membranes at {MEMBRANE_BITS} bits",
        effect,
        f"{best.name} on {_chip(study)}",
        f"its accuracy was not tried: compression.membrane_bits: {MEMBRANE_BITS} does",
    )


def _narrow(workload: Workload, bits: int) -> Workload:
    layers = (
        layer.replace(bits=Bits(**{**dict(layer.bits), "state": min(bits, layer.bits.state)}))
        for layer in workload.layers
    )
    return workload.replace(layers=tuple(layers))


def _chip(study: Reader) -> str:
    return study.main.architecture
