"""What depends on densities, formats and bits, looked up by the numbers of tiles and chains."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leanspike.arrays import Reals
from leanspike.hardware.identity import Same
from leanspike.hardware.model.actions import (
    SHARES,
    SKIPPED_METADATA,
    SURVIVALS,
    RowPlan,
    RowRules,
    empty_row,
)
from leanspike.hardware.model.case import Case
from leanspike.hardware.model.energy import Pricing
from leanspike.hardware.model.evaluate import innermost_array, row_plan, row_rules
from leanspike.hardware.model.plan import Plan
from leanspike.hardware.model.rows import Lookup, RowPrices, Scratch, scratch
from leanspike.hardware.model.skipping import conditions_met
from leanspike.hardware.model.survival import Survival
from leanspike.hardware.model.tiles import contents_of
from leanspike.hardware.search.numbering import Numbers
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.sparsity.density import DensityModel, FixedStructured, Uniform


class Alone(NamedTuple):
    """Plan, prices and room for a row of one tensor alone (see :func:`alone`)."""

    plan: RowPlan
    prices: RowPrices
    space: Scratch


def alone(plan: RowPlan, prices: RowPrices, x: int) -> tuple[RowPlan, RowPrices]:
    """Return what a row of tensor ``x`` alone takes: it has no computes, and a single tensor."""
    only = slice(x, x + 1)
    return (
        plan._replace(
            written=0 if x == plan.written else -1,
            operands=np.zeros(2, np.int64),
            innermost=np.zeros(2, np.int64),
            parent=np.ascontiguousarray(plan.parent[:, only]),
            compressed=np.ascontiguousarray(plan.compressed[:, only]),
            block=np.ascontiguousarray(plan.block[:, only]),
            row_bits=np.ascontiguousarray(plan.row_bits[:, only]),
            value_bits=np.ascontiguousarray(plan.value_bits[:, only]),
            word_bits=np.ascontiguousarray(plan.word_bits[:, only]),
            inside=-1,
        ),
        prices._replace(storage=np.ascontiguousarray(prices.storage[:, only])),
    )


@dataclass(frozen=True)
class Fixed:
    """What compiled code takes of a case and no density changes.

    ``whole`` is that of :func:`~leanspike.hardware.model.row.evaluate_row`, ``unrounded`` the same
    without rounding; ``alone`` is each tensor by itself; ``scratch`` is room for a row.
    """

    plan: RowPlan
    rules: RowRules
    whole: bool | None
    unrounded: bool | None
    prices: RowPrices
    alone: tuple[Alone, ...]
    scratch: Scratch


@dataclass(frozen=True)
class PairTable:
    """Contents of one (level, tensor) by their numbers.

    Attributes
    ----------
    reals
        Density, fraction of instances present and row waste, [contents, 3].
    words
        Expected metadata and payload words, [contents, R, 2].
    bits
        Most bits of values and of metadata, [contents, 2].
    """

    reals: Reals
    words: Reals
    bits: Reals


def fixed_of(case: Case, ranks: int) -> Fixed:
    """Return what no density changes, for tables of so many ranks."""
    return _fixed(
        Same(case.plan), Same(case.pricing), case.semantics, 1 if case.dense else ranks,
        case.cycle_ns,
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _fixed(
    plan: Same[Plan], pricing: Same[Pricing], semantics: Semantics, ranks: int, cycle_ns: float
) -> Fixed:
    rows = row_plan(plan.it, semantics, ranks)
    storage = pricing.it.storage.copy()
    if not semantics.skipped_metadata:
        storage[:, :, SKIPPED_METADATA : SKIPPED_METADATA + 3] = 0.0
    # uW x ns = 1e-3 pJ
    leakage = sum(pricing.it.leakage_uw.values()) * cycle_ns * 1e-3
    prices = RowPrices(storage, pricing.it.compute, float(leakage))
    levels, tensors = plan.it.keep.shape
    return Fixed(
        plan=rows,
        rules=row_rules(semantics),
        whole=True if semantics.whole_accesses else None,
        unrounded=False if semantics.whole_accesses else None,
        prices=prices,
        alone=tuple(
            Alone(*alone(rows, prices, x), scratch(levels, 1, ranks, empty_row(levels, 1, ranks)))
            for x in range(tensors)
        ),
        scratch=scratch(levels, tensors, ranks, empty_row(levels, tensors, ranks)),
    )


class Tables:
    """Makes the lookups of the cases of a group; what cases share is worked out once."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers
        self._contents = [interner.rows for interner in numbers.contents]
        self._chains = [interner.rows for interner in numbers.chains]
        self._known: dict[tuple[object, ...], PairTable] = {}
        self._survival: dict[int, Survival] = {}
        classes = [interner.rows for interner in numbers.tile_classes]
        computes = numbers.compute_classes.rows
        self.first_content = np.cumsum([0] + [len(rows) for rows in self._contents])
        self.first_chain = np.cumsum([0] + [len(rows) for rows in self._chains])
        self._structure = {
            "level": np.array([i for i, _ in numbers.pairs]),
            "tensor": np.array([x for _, x in numbers.pairs]),
            "first_class": np.cumsum([0] + [len(rows) for rows in classes]),
            "class_content": np.concatenate(
                [rows[:, 0] + self.first_content[k] for k, rows in enumerate(classes)]
            ),
            "class_chain": np.concatenate(
                [
                    rows[:, 1] + self.first_chain[x]
                    for rows, (_, x) in zip(classes, numbers.pairs, strict=True)
                ]
            ),
            "tile": np.concatenate([rows[:, 0] for rows in self._contents]),
            "together": computes[:, : len(self._chains)] + self.first_chain[:-1],
            "passes": np.ascontiguousarray(computes[:, len(self._chains) : -1]),
            "units": np.ascontiguousarray(computes[:, -1]),
        }

    def lookup(self, case: Case, fixed: Fixed) -> Lookup:
        """Return everything a case looks up, as flat arrays."""
        most = fixed.plan.word_bits.shape[2]
        contents, levels = int(self.first_content[-1]), case.plan.keep.shape[0]
        reals, bits = np.empty((contents, 3)), np.empty((contents, 2))
        words = np.zeros((contents, most, 2))
        ranks = np.zeros(len(self.numbers.pairs), np.int64)
        for k in range(len(ranks)):
            here = slice(self.first_content[k], self.first_content[k + 1])
            table = self._pair(case, k, fixed)
            ranks[k] = table.words.shape[1]
            reals[here], bits[here] = table.reals, table.bits
            words[here, : ranks[k]] = table.words
        chains, tensors = int(self.first_chain[-1]), len(self._chains)
        found: dict[str, NDArray[Any]] = {
            "survive": np.ones((chains, levels, SURVIVALS)),
            "shares": np.ones((chains, tensors, SHARES)),
            "remedy": np.zeros((chains, levels), np.int64),
            "p_left": np.zeros((chains, levels)),
        }
        names = ("remedy", "p_left") if case.semantics.whole_accesses else ("survive", "shares")
        for x in range(tensors):
            here = slice(self.first_chain[x], self.first_chain[x + 1])
            for name, values in zip(names, self._conditions_of(case, x), strict=True):
                found[name][here] = values
        digits = 6 if case.semantics.whole_accesses else 15
        density = [
            1.0 if case.dense else round(float(case.models[x].density), digits)
            for x in fixed.plan.operands
        ]
        return Lookup(
            **self._structure, **found, reals=reals, words=words, bits=bits, ranks=ranks,
            operand_density=np.array(density),
        )  # fmt: skip

    def _conditions_of(self, case: Case, x: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return what conditions do under every chain of a tensor, by the rules of the case."""
        plan, chains, spreads = case.plan, self._chains[x], self.numbers.spreads
        if case.semantics.whole_accesses:
            if case.dense:
                nothing = np.zeros((len(chains), len(plan.keep)))
                return nothing.astype(np.int64), nothing
            return conditions_met(plan, x, chains, spreads, case.models)
        if x not in self._survival:
            inside = innermost_array(plan)
            self._survival[x] = Survival(plan, x, chains, spreads, inside, dense=case.dense)
        return self._survival[x](case.models)

    def _pair(self, case: Case, k: int, fixed: Fixed) -> PairTable:
        level, x = self.numbers.pairs[k]
        layout = case.plan.formats[level][x]
        key = (
            k, _model_key(case.models[x]), layout and Same(layout), case.plan.stored_bits[level, x],
            case.plan.block[level, x], case.plan.word_bits[level, x].tobytes(), case.semantics,
        )  # fmt: skip
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._contents_of(case, k, fixed)
        return known

    def _contents_of(self, case: Case, k: int, fixed: Fixed) -> PairTable:
        level, x = self.numbers.pairs[k]
        rows, most = self._contents[k], self.numbers.ranks
        found = contents_of(
            case.plan, level, x, rows[:, 0].copy(), rows[:, 1 : 1 + most], rows[:, 1 + most :],
            case.models[x], case.semantics, dense=case.dense,
        )  # fmt: skip
        return PairTable(
            np.stack((found.density, found.present, found.row_waste), axis=1),
            found.words,
            found.bits(case.plan.stored_bits[level, x], fixed.plan.word_bits[level, x]),
        )


def _model_key(model: DensityModel) -> tuple[object, ...]:
    if isinstance(model, FixedStructured):
        return ("fixed-structured", model.density)
    if isinstance(model, Uniform):
        return ("uniform", model.size, model.nonzeros)
    return (Same(model),)
