"""A piece of a study's work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["train", "measure", "price"]


@dataclass(frozen=True)
class Task:
    """One piece of work.

    Attributes
    ----------
    key
        Unique; equal keys are the same work.
    kind
        What is done.
    label
        What people read.
    needs
        Key of the task whose result this one starts from; None for float networks.
    point
        Name of the point that a measurement or price belongs to; None for trainings, which
        points share.
    recipe
        Everything else that decides the outcome, as plain data.
    """

    key: str
    kind: Kind
    label: str
    needs: str | None
    point: str | None
    recipe: dict[str, Any]
