"""A piece of a study's work, what it is asked and what comes of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue, ValidationInfo, field_validator

from leanspike.study.file import HardwareSection
from leanspike.study.points import Point
from leanspike.study.records import (
    ExploreRecipe,
    ExploreResult,
    MeasureResult,
    PriceResult,
    ProposeRecipe,
    TrainRecipe,
    TrainResult,
    Trial,
    read,
)

Kind = Literal["train", "measure", "price", "explore", "propose"]
#: What a task is asked, by its kind.
Recipe = TrainRecipe | Point | HardwareSection | ExploreRecipe | ProposeRecipe
RECIPES: dict[Kind, type[Recipe]] = {
    "train": TrainRecipe,
    "measure": Point,
    "price": HardwareSection,
    "explore": ExploreRecipe,
    "propose": ProposeRecipe,
}


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
    needs
        Key of the task whose result this one starts from; None for float networks.
    point
        Name of the point that a measurement or price belongs to; None for trainings, which
        points share.
    """

    key: str
    kind: Kind
    label: str
    needs: str | None
    point: str | None
    recipe: Recipe

    @field_validator("recipe", mode="before")
    @classmethod
    def _of_its_kind(cls, stored: object, info: ValidationInfo) -> Recipe:
        return read(RECIPES[info.data["kind"]], stored, where="recipe")


@dataclass(frozen=True)
class Proposal:
    """The result of a search's turn: layers, all candidates so far, and the tasks it adds."""

    layers: tuple[str, ...]
    trials: tuple[Trial, ...]
    grown: tuple[Task, ...] = ()


Result = TrainResult | MeasureResult | PriceResult | ExploreResult | Proposal


def digest(content: Mapping[str, JsonValue]) -> str:
    """Return 12 hexadecimal digits that stand for plain data.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
