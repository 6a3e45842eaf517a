"""The published study again: its figures and claims, by our model and by an own study."""

from leanspike.report.paper.claims import Claim, Judgement, claims
from leanspike.report.paper.reproduce import reproduce
from leanspike.report.paper.tables import as_markdown, as_text

__all__ = ["Claim", "Judgement", "as_markdown", "as_text", "claims", "reproduce"]
