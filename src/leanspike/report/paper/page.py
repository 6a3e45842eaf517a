"""The page of claims and figures: one HTML file, the figures drawn into it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import jinja2

from leanspike.hardware.reference.published import SOURCE
from leanspike.report.paper.claims import Claim
from leanspike.report.paper.tables import NOTE


@dataclass(frozen=True)
class Drawn:
    """A figure: its name and heading, what it shows, and itself as SVG text."""

    name: str
    heading: str
    caption: str
    svg: str

    @property
    def address(self) -> str:
        """The figure as a ``data:`` address, so that the page needs no other file."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg.encode()).decode()


def render(judged: Sequence[Claim], drawn: Sequence[Drawn], *, own: Sequence[str] = ()) -> str:
    """Return the page as one self-contained HTML text without scripts.

    Parameters
    ----------
    own
        Titles of the own studies among the columns.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    assets = resources.files("leanspike.report") / "assets"
    page = environment.from_string((assets / "reproduce.html").read_text(encoding="utf-8"))
    return page.render(
        claims=judged,
        titles=list(judged[0].answers),
        drawn=drawn,
        own=" and ".join(own),
        source=SOURCE,
        note=NOTE,
        css=(assets / "page.css").read_text(encoding="utf-8"),
    )
