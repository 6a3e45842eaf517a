"""The finding on the search past the grid.

The finding on how sure all others are.
"""

from __future__ import annotations

from collections.abc import Sequence

from leanspike.report.findings.finding import (
    Finding,
    Reader,
    compared,
    listed,
    named,
    percent,
    whole,
)
from leanspike.study import Setting, accuracy_noise, hypervolume

#: A network so far below the float network's accuracy counts for nothing.
WORTHLESS = 0.1


def search(study: Reader) -> Finding | None:
    """Compare what the search found layer by layer with the uniform grid."""
    found = study.of("search")
    grid = study.of("quantize", "prune", "cumulative", "joint")
    if not found:
        return None
    asked = study.results.file.search
    budget = asked.budget if asked is not None else ()
    under = f" under {', '.join(budget)}" if budget else ""
    text = f"{len(found)} networks with bits and pruning of their own in every layer{under}."
    if grid and study.float is not None:
        ours, theirs = _covered(study, found), _covered(study, grid)
        if theirs > 0:
            text += (
                f" The front they make covers {ours / theirs:.2f} times the area of the uniform "
                f"grid's {len(grid)} settings (hypervolume of accuracy and energy, measured from "
                f"the float network's energy and {whole(WORTHLESS)} of accuracy below it)."
            )
    best, uniform = study.frugal(study.lossless(found)), study.frugal(study.lossless(grid))
    if best is not None and uniform is not None:
        change = study.energy(best) / study.energy(uniform) - 1
        more = "more" if change > 0 else "less"
        text += (
            f" Without loss beyond noise, {named(best)} takes {whole(abs(change))} {more} energy "
            f"than the best uniform setting, {named(uniform)}; in accuracy: "
            f"{compared(best, uniform)}."
        )
    elif uniform is not None:
        text += " None of them is as accurate as the float network; some uniform settings are."
    return Finding("Search layer by layer", text)


def _covered(study: Reader, group: Sequence[Setting]) -> float:
    assert study.float is not None
    reference = (study.float.accuracy.mean - WORTHLESS, -study.energy(study.float))
    gains = [(setting.accuracy.mean, -study.energy(setting)) for setting in group]
    return hypervolume(gains, reference=reference)


def control(study: Reader) -> Finding | None:
    """Say what longer training alone does, and point out what lies above float."""
    if study.control is None or study.float is None:
        return None
    text = (
        f"Trained on for as long as the compressed networks, the float network reaches "
        f"{percent(study.control)}: {compared(study.control, study.float)} of the float network's "
        f"{percent(study.float)}. "
    )
    standard = study.standard
    assert standard is not None
    above = [
        group
        for group in study.compressed
        if group.accuracy.mean - study.float.accuracy.mean > accuracy_noise(group, study.float)
    ]
    kept = [
        group
        for group in above
        if group.accuracy.mean - standard.accuracy.mean > accuracy_noise(group, standard)
    ]
    if above:
        text += f"Above the float network beyond noise: {listed([g.name for g in above])}; "
        text += (
            f"above the control too: {listed([group.name for group in kept])}."
            if kept
            else "none is above the control, so longer training is what they gained by."
            if standard is study.control
            else "none is above the control beyond noise."
        )
    else:
        text += "No compressed network is above the float network beyond noise."
    return Finding("Control: longer training", text)


def reliability(study: Reader) -> Finding | None:
    """Say how much the numbers can bear."""
    if not study.groups:
        return None
    seeds = study.groups[0].accuracy.count
    samples = study.groups[0].results[0].samples
    text = (
        f"{samples} test recordings, so one recording is {100 / samples:.2f} points; "
        f"{seeds} seed{'s' if seeds > 1 else ''}. Noise is two standard errors of the "
        "difference, both settings judged on the same recordings. "
    )
    if seeds == 1:
        text += "With one seed the spread between trainings is unknown and not in the noise. "
    if study.results.failures:
        text += f"{len(study.results.failures)} tasks failed and their points are missing. "
    broken = [f"{named(group)} ({group.broken})" for group in study.groups if group.broken]
    if broken:
        more = f" and {len(broken) - 5} more" if len(broken) > 5 else ""
        text += f"These do not work and are never recommended: {'; '.join(broken[:5])}{more}. "
    left = study.groups[0].results[0].left_out
    if left:
        text += f"{left[0].capitalize()}:{'; '.join(left[1:])}. "
    missing = study.results.planned - len(study.results.priced)
    if missing:
        text += f"{missing} of {study.results.planned} points are not done yet."
    return Finding("How sure this is", text.strip())
