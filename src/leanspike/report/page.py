"""The HTML page: template, style, script, data and the plotting library in one file."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from importlib import resources

import jinja2
import yaml
from plotly.offline import get_plotlyjs

from leanspike.report.findings import Action, Finding, OnHardware, Recommendation
from leanspike.report.findings.across import change
from leanspike.report.view import View

#: The page's script, in the order its parts need one another.
SCRIPTS = ("reading", "front", "charts", "controls")


def render(
    view: View,
    findings: Sequence[Finding],
    answer: Recommendation | None = None,
    hardware: Sequence[OnHardware] = (),
    actions: Sequence[Action] = (),
    fidelity: Sequence[tuple[str, str]] = (),
) -> str:
    """Return the page as one self-contained HTML text."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    page = environment.from_string(_asset("page.html"))
    settings = view["settings"]
    return page.render(
        view=view,
        findings=findings,
        answer=answer,
        hardware=hardware,
        actions=actions,
        fidelity=fidelity,
        change=change,
        one_seed=bool(settings) and len(settings[0]["seeds"]) == 1,
        study_yaml=yaml.safe_dump(view["file"], sort_keys=False, width=100),
        view_json=_compressed(json.dumps(view, separators=(",", ":"), allow_nan=False)),
        plotly=_compressed(get_plotlyjs()),
        css=_asset("page.css"),
        # One function's body, in files: they share what the first ones define.
        js="\n".join(_asset(f"page/{name}.js") for name in SCRIPTS),
    )


def _asset(name: str) -> str:
    return (resources.files("leanspike.report") / "assets" / name).read_text(encoding="utf-8")


def _compressed(text: str) -> str:
    """Pack text as base64 of gzip, which every browser since 2023 unpacks.

    Plotly takes 2 MB instead of 5 that way, and nothing in the text can break out of its element.
    """
    return base64.b64encode(gzip.compress(text.encode(), compresslevel=6, mtime=0)).decode()
