"""Why a map space is empty: the constraint that leaves no mapping, by name."""

from __future__ import annotations

import numpy as np

from leanspike.errors import InputError
from leanspike.hardware.case import Case
from leanspike.hardware.mapspace_walk import why_empty
from leanspike.hardware.search_group import batches
from leanspike.hardware.search_pricer import Pricer
from leanspike.hardware.search_tables import Tables
from leanspike.hardware.search_walks import Walk


def why_none(case: Case) -> InputError:
    """Say which constraint leaves a case no mapping: fan-outs, formats, or a level's room.

    One alone is named where one alone is enough; otherwise all that refuse some mapping.
    """
    walk = Walk([case], limited=False)
    levels = [level.name for level in case.plan.architecture.levels]
    met = np.zeros(len(levels), np.int64)
    fitting = spread = 0
    for batch in batches(case, walk):
        spread += batch.walked
        if not batch.blocks:
            continue
        pricer = Pricer([case], Tables(batch.numbers))
        for counted in batch.blocks:
            fitting += int(counted.stands_for.sum())
            for i in range(len(levels)):
                met[i] += pricer.fitting(counted, i)
    if not spread:
        error = why_empty(walk.space, [])
        return InputError(error.what, where=f"{case.name}, map space", remedy=error.remedy)
    if not fitting:
        return InputError(
            "no mapping is left by the formats: every one has more loops than a format has ranks",
            where=f"{case.name}, map space",
            remedy="Give the format a rank per loop, or let its ranks flatten more loops",
        )
    small = [name for name, count in zip(levels, met, strict=True) if count == 0]
    tight = [name for name, count in zip(levels, met, strict=True) if count < fitting]
    told = " and ".join(small or tight)
    together = "" if small else " together"
    return InputError(
        f"no mapping is left by the capacity of {told}{together}: the smallest tiles do not fit",
        where=f"{case.name}, map space",
        remedy="Choose a larger depth, or free a factor so that tiles can be smaller",
    )
