"""What a finding is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes
    ----------
    title
        What it is about, a few words.
    text
        A few sentences.
    """

    title: str
    text: str
