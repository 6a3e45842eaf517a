"""The claims as a table: plain text for a terminal, Markdown for a page."""

from __future__ import annotations

from collections.abc import Sequence

from leanspike.hardware.reference.published import SOURCE
from leanspike.report.paper.claims import Claim, Judgement
from leanspike.study.table import aligned

#: What "weaker" says, for readers of a table.
NOTE = (
    '"Weaker" has the claim\'s direction at less than half the published effect. A model of '
    "hardware has no accuracy of its own, so it cannot judge the claims on accuracy."
)


def as_text(judged: Sequence[Claim]) -> str:
    """Show each claim with what every column says of it, a line each."""
    blocks = []
    for claim in judged:
        rows = [["  published", claim.published, ""]]
        rows += [
            [f"  {title}", answer.figure, answer.verdict] for title, answer in claim.answers.items()
        ]
        blocks.append(f"{claim.text}\n{aligned(rows, left=3)}")
    return "\n\n".join(blocks)


def as_markdown(judged: Sequence[Claim]) -> str:
    """Show the claims as a Markdown table, with the source."""
    titles = list(judged[0].answers)
    rows = [["claim", "published", *titles], ["---"] * (2 + len(titles))]
    rows += [
        [claim.text, claim.published, *(_entry(claim.answers[title]) for title in titles)]
        for claim in judged
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{table}\n\nPublished: {SOURCE}. {NOTE}"


def _entry(answer: Judgement) -> str:
    return f"{answer.figure}: {answer.verdict}" if answer.figure else answer.verdict
