"""The published study again: its figures and claims, by our model and by an own study."""

from leanspike.paper.claims import Claim, Judgement, as_markdown, as_text, claims
from leanspike.paper.reproduce import reproduce

__all__ = ["Claim", "Judgement", "as_markdown", "as_text", "claims", "reproduce"]
