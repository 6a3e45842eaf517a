"""The part of the plan that is known before a search begins: explore, then propose in turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leanspike.study.records import ExploreRecipe, JsonObject, ProposeRecipe, TrainRecipe, plain
from leanspike.study.search.section import SearchSection
from leanspike.study.search.table import Option
from leanspike.study.task import Task, digest

if TYPE_CHECKING:
    from leanspike.study.file import StudyFile

#: What of the hardware decides a search: the main reading.
_FIRST = ("architectures", "formats", "statistics")


def options_of(section: SearchSection) -> tuple[Option, ...]:
    """Return everything that may be done to a layer.

    >>> len(options_of(SearchSection(bits=[2, 8], sparsity=[0.0, 0.5, 0.9])))
    6
    """
    return tuple(
        Option(bits, sparsity)
        for bits in section.bits_choices
        for sparsity in section.sparsity_choices
    )


def turns(section: SearchSection) -> tuple[int, ...]:
    """Return how many candidates are chosen at a time.

    >>> turns(SearchSection(trainings=20, generation=8))
    (8, 8, 4)
    """
    if section.method == "sensitivity":
        return (section.trainings,)
    whole, rest = divmod(section.trainings, section.generation)
    return (section.generation,) * whole + ((rest,) if rest else ())


def search_plan(study: StudyFile, section: SearchSection, *, start: Task) -> tuple[Task, ...]:
    """Return the tasks that explore the float network and propose candidates.

    A proposal's key does not depend on how many follow: a search that is asked for more trainings
    goes on from where it ended.

    Parameters
    ----------
    start
        The training of the float network that the search begins from.
    """
    axes = study.compression
    tried = ExploreRecipe(
        section.bits_choices, section.sparsity_choices, section.calibration, section.seed
    )
    how: JsonObject = {"quantizer": axes.quantizer, "rounding": axes.rounding}
    if axes.initializer is not None:  # searches begun before there was a choice keep their keys
        how["initializer"] = axes.initializer
    key = f"explore-{digest({'train': start.key, **plain(tried), **how})}"
    assert isinstance(start.recipe, TrainRecipe)
    seed = start.recipe.seed
    tasks = [Task(key, "explore", f"each layer, seed {seed}", start.key, None, tried)]
    hardware = study.hardware.model_dump(mode="json")
    first = 0
    for turn, count in enumerate(turns(section)):
        recipe = ProposeRecipe(
            explore=key,
            search=section.model_dump(mode="json", exclude={"trainings"}),
            hardware={
                name: value[0] if name in _FIRST else value
                for name, value in hardware.items()
                if name != "assumptions"
            },
            tuning=axes.model_dump(mode="json", include={"epochs", "lr", "warmup_epochs"}),
            turn=turn,
            count=count,
            seed=seed,
            membrane_bits=axes.membrane_bits,
        )
        name = f"propose-{digest({**plain(recipe), 'needs': tasks[-1].key})}"
        label = f"candidates {first} to {first + count - 1}"
        tasks.append(Task(name, "propose", label, tasks[-1].key, None, recipe))
        first += count
    return tuple(tasks)
