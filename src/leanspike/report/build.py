"""One call from stored results to the report: `build_report`."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

from leanspike.files import write_whole
from leanspike.report.figures import save_figures
from leanspike.report.findings import actions, findings, hardware_table, on_every_hardware, shipping
from leanspike.report.findings.fidelity import fidelity
from leanspike.report.findings.finding import Reader
from leanspike.report.page import render
from leanspike.report.view import view
from leanspike.study import Results, short_table


def build_report(study: str | Path | Results, out: Path) -> Path:
    """Write a study's page and figures, and return the page's path.

    The page needs no network and no other file. Nothing but the database is read, so a study
    that is still running has a report too.

    Parameters
    ----------
    study
        Its folder, its database or its results.
    out
        Folder for ``report.html`` and ``figures/`` (PNG, PDF, SVG); made when absent.

    Raises
    ------
    InputError
        When there is no study.
    WriteError
        When the folder cannot be written.
    """
    results = study if isinstance(study, Results) else Results.load(study)
    shown = view(results)
    page = render(
        shown,
        findings(results),
        shipping(results),
        on_every_hardware(Reader(results)),
        actions(results),
        fidelity(results),
    )
    path = out / "report.html"
    write_whole(path, page, parents=True)
    save_figures(shown, out / "figures")
    return path


def report_text(results: Results) -> str:
    """Return the report's answers for a terminal, 80 columns wide: what to ship comes first."""
    answer = shipping(results)
    blocks = []
    if answer is not None:
        numbers = ", ".join(f"{label} {value}" for label, value in answer.numbers)
        blocks.append(fill(f"{answer.headline} {numbers[0].upper()}{numbers[1:]}.", 80))
    blocks += [short_table(results), hardware_table(results)]
    blocks.append(
        "\n".join(fill(f"- {each}", 80, subsequent_indent="  ") for each in actions(results))
    )
    return "\n\n".join(block for block in blocks if block)
