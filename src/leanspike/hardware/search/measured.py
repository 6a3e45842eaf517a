"""Searching a case whose units skip on measured tensors: the passes of every mapping
that may be the best are walked.

What the slowest units take depends on where in the nest every loop stands, so it cannot be looked
up by numbers. It is never less than the computes that are left when every pair with a zero is
skipped, shared evenly: that bounds every mapping, and mappings are priced one by one from the
lowest bound on until no bound is below the best.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from leanspike.hardware.model.case import Case
from leanspike.hardware.model.evaluate import innermost_array
from leanspike.hardware.model.imbalance import computes_left
from leanspike.hardware.search._bounds import Bounds
from leanspike.hardware.search.best import Best, Objective
from leanspike.hardware.search.groups import Batch
from leanspike.hardware.search.tables import Tables
from leanspike.hardware.sparsity.density import Measured


def needs_passes(case: Case) -> bool:
    """Return whether units may wait for each other by tensors that are known."""
    return (
        case.semantics.load_imbalance
        and not case.dense
        and innermost_array(case.plan) >= 0
        and any(isinstance(model, Measured) for model in case.models)
    )


def search_passes(case: Case, batch: Batch, best: Best, objective: Objective) -> None:
    """Offer what may be the best of a batch, priced one by one."""
    even = replace(case, semantics=replace(case.semantics, load_imbalance=False))
    tables = Tables(batch.numbers)
    pricer = Bounds([even], tables)
    units = np.maximum(batch.numbers.compute_classes.rows[:, -1:], 1)
    left = computes_left(case.plan, case.models) / units
    pricer.lanes = pricer.lanes._replace(needed=np.minimum(pricer.lanes.needed, left))
    for counted in batch.blocks:
        least, _, legal, bounds = pricer.of(counted, objective)
        best.legal += int(legal[0, 0])
        best.priced += int(legal[1, 0])
        rows = np.flatnonzero(np.isfinite(least[0]))
        for n in rows[np.argsort(least[0, rows], kind="stable")]:
            if objective != "pareto" and least[0, n] > best.score:
                break
            if objective == "pareto" and any(
                energy < bounds[0, n, 0] and cycles < bounds[0, n, 2]
                for energy, cycles, _ in best.front
            ):
                continue
            cost = case.cost(counted.mapping(best.space, int(n)))
            best.offer(counted, np.array([n]), np.array([cost.energy_pj]), np.array([cost.cycles]))
