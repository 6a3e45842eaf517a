"""The page of claims and figures: one HTML file, the figures drawn into it.

The published study again: figures and claims in one folder, and one page for all of it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from matplotlib.figure import Figure

from leanspike.files import replacing, write_whole
from leanspike.paper.ablation import Step, ablation
from leanspike.paper.claims import NOTE, Claim, as_markdown, claims
from leanspike.paper.column import FORMATS, NETWORKS, Column
from leanspike.paper.columns import model_column, own_studies, published_column
from leanspike.paper.figures import (
    activity,
    breakdown,
    dense,
    encodings,
    overview,
    scatter,
    sparsity,
    walk,
)
from leanspike.paper.published import SOURCE
from leanspike.paper.scores import (
    STATISTICS,
    FormatScore,
    errors_out_of_sample,
    format_order,
    ratio_of,
    scores,
    summary,
)
from leanspike.paper.table import (
    PRUNED,
    TERNARY,
    Outcome,
    Parts,
    Row,
    anomalous,
    fitted,
    physical,
    published_mj,
    table,
    table_parts,
    unfitted,
)
from leanspike.report.figures import UNDATED, paper_style
from leanspike.study import Results
from leanspike.study.results.tables import aligned


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


def render(
    judged: Sequence[Claim],
    drawn: Sequence[Drawn],
    steps: Sequence[Step],
    found: Mapping[str, Any],
    *,
    own: Sequence[str] = (),
) -> str:
    """Return the page as one self-contained HTML text without scripts.

    Parameters
    ----------
    found
        As :func:`summarize` returns it.
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
        steps=steps,
        found=found,
        css=(assets / "page.css").read_text(encoding="utf-8"),
    )


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
        "its own. The published chart adds up the layers' figures, and so do the models' columns: "
        "a layer counts as much as any other, so DRAM's share is not its share of the network's "
        "energy. Own studies' figures are of the whole network.",
        breakdown,
    ),
}


@dataclass(frozen=True)
class Reproduction:
    """Everything that was found.

    Attributes
    ----------
    claims
        What each column says of each claim.
    summary
        The figures as plain data: scores of ``fitted`` and ``unfitted`` by format, the ablation,
        errors out of sample, what stays unexplained; see :func:`summarize`.
    steps, scores
        The ablation, and the scores by reading and format.
    """

    claims: tuple[Claim, ...]
    summary: dict[str, Any]
    steps: tuple[Step, ...]
    scores: dict[str, dict[str, FormatScore]]


def _with(columns: Sequence[Column], plan: FigurePlan) -> Callable[[Figure], None]:
    return lambda figure: plan.draw(figure, columns)


def finding(found: Reproduction) -> str:
    """Show in plain text what the headline rests on and how well the table is reproduced."""
    steps, scored = found.steps, found.scores
    rows = [["80 % pruned over ternary (RLE, mean)", "mJ", "mJ", "ratio", "alone"]]
    rows += [
        [
            step.change,
            f"{step.ternary:.2f}",
            f"{step.pruned:.2f}",
            f"{step.ratio:.3f}",
            "" if step.alone is None else f"{step.alone:.3f}",
        ]
        for step in steps
    ]
    table_rows = [["", "format", "ratio", "rank mean", "rank max", "error mean", "error max"]]
    table_rows += [
        [
            reading,
            name,
            f"{one.ratio_80_over_ternary:.3f} ({one.ratio_error:+.1%})",
            f"{one.rank_correlation_mean:.3f}",
            f"{one.rank_correlation_max:.3f}",
            f"{one.mare_mean:.1%}",
            f"{one.mare_max:.1%}",
        ]
        for reading, by_format in scored.items()
        for name, one in by_format.items()
    ]
    return f"{aligned(rows, left=1)}\n\n{aligned(table_rows, left=2)}"


def reproduce(
    out: Path, *, studies: Sequence[Results] = (), say: Callable[[str], None] | None = None
) -> Reproduction:
    """Show the published table, figures and claims beside our model's and own studies'.

    Into `out` go ``reproduce.html``, ``table.json``, ``claims.json``, ``claims.md`` and
    ``figures/`` (PNG, PDF, SVG). The model stands there three times: as the study computed with
    nothing fitted, the same fitted to the table, and as hardware would do.

    Parameters
    ----------
    say
        Called with what is being done.

    Raises
    ------
    WriteError
        When the folder cannot be written.
    """
    say = say or (lambda _: None)
    published = published_column()
    say("pricing the 600 published rows, fitted")
    parts = table_parts(fitted())
    say("pricing them again with nothing fitted")
    plain = table(unfitted())
    say("taking the headline apart")
    steps = ablation()
    say("pricing the published networks under physical")
    models = [
        model_column(unfitted(), plain, title="as they modelled it, unfitted"),
        model_column(fitted(), parts, title="as they modelled it, fitted"),
        model_column(physical(), title="physical"),
    ]
    for study in studies:
        say(f"reading the study {study.name!r}")
    own = own_studies(studies)
    judged = claims(published, models, own)
    found = summarize(published, models[1], parts, plain, steps)
    say("drawing")
    columns = [published, *models, *(study.column for study in own)]
    drawn = _draw(
        {
            **{name: _with(columns, plan) for name, plan in FIGURES.items()},
            "table": partial(scatter, energies={"unfitted": plain, "fitted": parts}),
            "ablation": partial(walk, steps=steps),
        },
        out / "figures",
    )
    for path, text in (
        (out / "claims.json", json.dumps([asdict(claim) for claim in judged], indent=2)),
        (out / "table.json", json.dumps(found, indent=2)),
        (out / "claims.md", as_markdown(judged)),
        (
            out / "reproduce.html",
            render(judged, drawn, steps, found, own=[s.column.title for s in own]),
        ),
    ):
        write_whole(path, text + "\n", parents=True)
    by_reading = {"fitted": scores(energies_of(parts)), "unfitted": scores(energies_of(plain))}
    return Reproduction(judged, found, steps, by_reading)


def energies_of(outcomes: Mapping[Row, Outcome | Parts]) -> dict[Row, float]:
    """Return the energies alone, in mJ."""
    return {row: one.energy for row, one in outcomes.items()}


#: What no reading here explains, in words that name the figures beside it.
UNEXPLAINED = (
    "cycles: {cycles_ternary:.1f} and {cycles_pruned:.1f} million for ternary and pruned weights "
    "where 8.9 and 9.7 are published, {cycles_dense:.1f} for 8 bits where 15.4 are",
    "8 bits without weight zeros: {dense_8:.2f} mJ where 20.33 are published, less than the study "
    "has with 0.9 % zeros (23.28 mJ)",
    "UBM: the ratio is {ubm:.2f} where 1.39 is published",
    "ternary's 1.14 pJ per compute in the published breakdown, where 8 bits have 0.24",
    "the 16 marked rows, where more activity costs less",
)


def summarize(
    published: Column,
    model: Column,
    parts: Mapping[Row, Parts],
    plain: Mapping[Row, Outcome],
    steps: Sequence[Step],
) -> dict[str, Any]:
    """Return the figures as plain data; ``model`` is the fitted column.

    ``fitted`` and ``unfitted`` have by format ``ratio_80_over_ternary``, ``ratio_error``,
    ``rank_correlation_mean``, ``rank_correlation_max``, ``mare_mean`` and ``mare_max``
    (:class:`~leanspike.paper.scores.FormatScore`).
    """
    by_reading: dict[str, dict[Row, float]] = {
        "fitted": energies_of(parts),
        "unfitted": energies_of(plain),
    }
    known = published_mj()
    pruned = ("UOP", *PRUNED)
    ternary_row, dense_row = ("RLE", *TERNARY), ("RLE", "joint", 0.0, 8, "mean")
    ratios = {name: round(ratio_of(known, name), 6) for name in FORMATS}
    found: dict[str, Any] = {
        "source": SOURCE,
        "published": {"ratio_80_over_ternary": ratios},
        **{name: summary(energies) for name, energies in by_reading.items()},
    }
    for name, energies in {"published": known, **by_reading}.items():
        more = {
            f"format_order_{statistic}": list(format_order(energies, statistic))
            for statistic in STATISTICS
        }
        most = energies[(*pruned[:4], "max")]
        ratio = {"maximum_over_mean": round(most / energies[pruned], 6)}
        found[f"{name}_table"] = {**more, **ratio}
    for name, column in (("published", published), ("fitted", model)):
        share = column.breakdown[NETWORKS[0]]
        ternary = column.at("quantize", "RLE", "mean", 2)
        assert ternary is not None
        kept = {
            "zero_saving": round(1 - ternary.energy / column.dense["RLE"][2], 6),
            "dram_share_of_breakdown": round(share["DRAM"] / sum(share.values()), 6),
        }
        entry = found[f"{name}_table"]
        assert isinstance(entry, dict)
        entry.update(kept)
    out_of_sample = {
        name: {key: round(value, 6) for key, value in errors.items()}
        for name, errors in errors_out_of_sample(parts).items()
    }
    figures = {
        "cycles_ternary": parts[ternary_row].megacycles,
        "cycles_pruned": parts["RLE", *PRUNED].megacycles,
        "cycles_dense": parts[dense_row].megacycles,
        "dense_8": model.dense["RLE"][8],
        "ubm": ratio_of(by_reading["fitted"], "UBM"),
    }
    return {
        **found,
        "out_of_sample": out_of_sample,
        "ablation": [
            {
                "change": step.change,
                "ternary_mJ": round(step.ternary, 4),
                "pruned_mJ": round(step.pruned, 4),
                "ratio": round(step.ratio, 4),
                "alone": None if step.alone is None else round(step.alone, 4),
            }
            for step in steps
        ],
        "anomalous_rows": [list(row) for row in sorted(anomalous())],
        "unexplained": [text.format(**figures) for text in UNEXPLAINED],
    }


def _draw(draws: Mapping[str, Callable[[Figure], None]], folder: Path) -> list[Drawn]:
    drawn = []
    with paper_style():
        for name, draw in draws.items():
            figure = Figure(layout="constrained")
            draw(figure)
            for suffix in ("png", "pdf", "svg"):
                path = folder / f"{name}.{suffix}"
                with replacing(path, parents=True) as unfinished:
                    figure.savefig(unfinished, metadata=UNDATED[suffix])
            svg = (folder / f"{name}.svg").read_text("utf-8")
            heading, caption = TABLE_FIGURES.get(name) or (
                FIGURES[name].heading,
                FIGURES[name].caption,
            )
            drawn.append(Drawn(name, heading, caption, svg))
    return drawn


#: Heading and caption of the figures that show the model's readings of the table alone.
TABLE_FIGURES = {
    "table": (
        "All 600 rows",
        "Energy of every published row and of its model, mJ, on a line where both are equal. Rings "
        "mark the 16 rows whose published energy at maximum activity lies below that at the mean.",
    ),
    "ablation": (
        "Where the 46 % come from",
        "Energy of 80 % pruning over that of ternary weights (RLE, mean activity): each assumption "
        "changed on top of those above it, and alone.",
    ),
}
