"""The page of claims and figures: one HTML file, the figures drawn into it.

The published study again: figures and claims in one folder, and one page for all of it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

import jinja2
from matplotlib.figure import Figure

from leanspike.files import replacing, write_whole
from leanspike.paper.claims import NOTE, Claim, as_markdown, claims
from leanspike.paper.column import Column
from leanspike.paper.columns import model_column, own_studies, published_column
from leanspike.paper.figures import activity, breakdown, dense, encodings, overview, sparsity
from leanspike.paper.published import SOURCE
from leanspike.report.figures import UNDATED, paper_style
from leanspike.study import Results


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


#: The readings of the model that the claims are judged by: the published study's way, and ours.
SEMANTICS = ("sparseloop", "physical")


@dataclass(frozen=True)
class FigurePlan:
    """A figure to draw: its heading, its caption, and what draws it."""

    heading: str
    caption: str
    draw: Callable[[Figure, Sequence[Column]], None]


FIGURES = {
    "overview": FigurePlan(
        "Overview",
        "Accuracy against energy and energy-delay product (RLE, mean activity). The insets show "
        "the most accurate settings; lines join the front of each combined strategy. The model's "
        "columns have the published accuracies.",
        overview,
    ),
    "sparsity": FigurePlan(
        "Sparsity by layer",
        "Weights that are zero, layer by layer. Densities of the combined networks were not "
        "printed; for the model they are inferred from the printed ones.",
        sparsity,
    ),
    "encodings": FigurePlan(
        "Encodings",
        "What each encoding costs, for quantization and pruning alone (mean activity).",
        encodings,
    ),
    "activity": FigurePlan(
        "Mean and maximum activity",
        "The mean and the highest activity of any sample and step (UOP).",
        activity,
    ),
    "dense": FigurePlan(
        "Dense against sparse",
        "Energy by bits: with the zeros that quantization leaves, and as if there were none.",
        dense,
    ),
    "breakdown": FigurePlan(
        "Breakdown by component",
        "Energy by component per accumulate that is done (RLE, mean activity), each on a scale of "
        "its own: where more accumulates are skipped, fewer are left to share what is not.",
        breakdown,
    ),
}


def reproduce(
    out: Path, *, studies: Sequence[Results] = (), say: Callable[[str], None] | None = None
) -> tuple[Claim, ...]:
    """Show the published figures beside our model's and own studies', and judge the claims.

    Into `out` go ``reproduce.html``, ``claims.json``, ``claims.md`` and ``figures/`` (PNG, PDF,
    SVG). The model stands there twice: under the semantics ``sparseloop``, as the published study
    computed, and under ``physical``.

    Parameters
    ----------
    say
        Told what is being done.

    Raises
    ------
    WriteError
        When the folder cannot be written.
    """
    say = say or (lambda _: None)
    published = published_column()
    models = []
    for semantics in SEMANTICS:
        say(f"pricing the published settings under {semantics}")
        models.append(model_column(semantics))
    for study in studies:
        say(f"reading the study {study.name!r}")
    own = own_studies(studies)
    judged = claims(published, models, own)
    say("drawing")
    drawn = _draw([published, *models, *(study.column for study in own)], out / "figures")
    for path, text in (
        (out / "claims.json", json.dumps([asdict(claim) for claim in judged], indent=2)),
        (out / "claims.md", as_markdown(judged)),
        (out / "reproduce.html", render(judged, drawn, own=[study.column.title for study in own])),
    ):
        write_whole(path, text + "\n", parents=True)
    return judged


def _draw(columns: Sequence[Column], folder: Path) -> list[Drawn]:
    drawn = []
    with paper_style():
        for name, plan in FIGURES.items():
            figure = Figure(layout="constrained")
            plan.draw(figure, columns)
            for suffix in ("png", "pdf", "svg"):
                path = folder / f"{name}.{suffix}"
                with replacing(path, parents=True) as unfinished:
                    figure.savefig(unfinished, metadata=UNDATED[suffix])
            svg = (folder / f"{name}.svg").read_text("utf-8")
            drawn.append(Drawn(name, plan.heading, plan.caption, svg))
    return drawn
