"""The published study again: its table and claims by our model, and by an own study."""

from leanspike.paper.claims import Claim, Judgement, as_markdown, as_text, claims
from leanspike.paper.reproduce import Reproduction, finding, reproduce

__all__ = [
    "Claim",
    "Judgement",
    "Reproduction",
    "as_markdown",
    "as_text",
    "claims",
    "finding",
    "reproduce",
]
