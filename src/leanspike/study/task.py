"""A piece of a study's work."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["train", "measure", "price", "explore", "propose"]


@dataclass(frozen=True)
class Task:
    """One piece of work.

    Attributes
    ----------
    key
        Unique; equal keys are the same work.
    kind
        What is done. To propose is to add the search's next candidates to the plan; it is ready
        once all that the proposal before it added (``grown`` in its result) is done or failed.
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


def digest(content: Mapping[str, Any]) -> str:
    """Return 12 hexadecimal digits that stand for plain data.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
