"""One call from stored results to the report: `build_report`."""

from __future__ import annotations

from pathlib import Path

from leanspike.files import write_whole
from leanspike.report.figures import save_figures
from leanspike.report.findings import findings, on_every_hardware, shipping
from leanspike.report.findings.finding import Reader
from leanspike.report.page import render
from leanspike.report.view import view
from leanspike.study import Results


def build_report(db: str | Path, out: Path) -> Path:
    """Write a study's page and figures, and return the page's path.

    The page needs no network and no other file. Nothing but the database is read, so a study
    that is still running has a report too.

    Parameters
    ----------
    out
        Folder for ``report.html`` and ``figures/`` (PNG, PDF, SVG); made when absent.

    Raises
    ------
    InputError
        When there is no study.
    WriteError
        When the folder cannot be written.
    """
    results = Results.load(db)
    shown = view(results)
    page = render(shown, findings(results), shipping(results), on_every_hardware(Reader(results)))
    path = out / "report.html"
    write_whole(path, page, parents=True)
    save_figures(shown, out / "figures")
    return path
