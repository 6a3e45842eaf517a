"""One call from stored results to the report: `build_report`."""

from __future__ import annotations

import os
from pathlib import Path

from leanspike.report.figures import save_figures
from leanspike.report.findings import findings, shipping
from leanspike.report.naming import naming
from leanspike.report.page import render
from leanspike.report.view import view
from leanspike.study import Results


def build_report(db: str | Path, out: Path) -> Path:
    """Write a study's page and figures, and return the page's path.

    The page needs no network and no other file. Nothing but the database is read, so a study
    that is still running can be looked at.

    Parameters
    ----------
    db
        The study's folder or database.
    out
        Folder for ``report.html`` and ``figures/`` (PNG, PDF, SVG); made when absent.

    Raises
    ------
    InputError
        When there is no study.
    OSError
        When the folder cannot be written.
    """
    results = Results.load(db)
    shown = view(results)
    page = render(shown, findings(results), shipping(results))
    out.mkdir(parents=True, exist_ok=True)
    path = out / "report.html"
    with naming(path):
        _write_whole(path, page)
    save_figures(shown, out / "figures")
    return path


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that a failure leaves what was there."""
    unfinished = path.with_name(path.name + ".part")
    try:
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
