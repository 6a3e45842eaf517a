"""The finding on how sure all others are."""

from __future__ import annotations

from leanspike.report.findings.finding import Finding
from leanspike.report.findings.reader import Reader


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
    left = study.groups[0].results[0].left_out
    if left:
        text += f"{left[0].capitalize()}:{'; '.join(left[1:])}. "
    missing = study.results.planned - len(study.results.priced)
    if missing:
        text += f"{missing} of {study.results.planned} points are not done yet."
    return Finding("How sure this is", text.strip())
