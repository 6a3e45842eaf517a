"""What every choice for every layer costs and how much it harms, and what a whole choice does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leanspike.arrays import Reals
from leanspike.study.file.study_file import Budget, Quantity

#: For each layer the number of its option.
Allocation = tuple[int, ...]


@dataclass(frozen=True)
class Option:
    """What may be done to the weights of one layer: their bits, and the fraction pruned."""

    bits: int
    sparsity: float


@dataclass(frozen=True)
class Choices:
    """What a search chooses from."""

    layers: tuple[str, ...]
    options: tuple[Option, ...]

    def chosen(self, allocation: Allocation) -> tuple[tuple[str, Option], ...]:
        """Return each layer's name and option."""
        return tuple(
            (name, self.options[o]) for name, o in zip(self.layers, allocation, strict=True)
        )


@dataclass(frozen=True)
class OptionTable(Choices):
    """Every option of every layer, with what it costs and how much it harms.

    Cost and harm of a whole network are taken as the sums over its layers: exact for the size,
    and for energy and latency as far as the spikes stay as they are in the float network; for the
    loss an approximation (as in HAWQ-V2, Dong et al., arXiv 1911.03852, equation 9).

    Attributes
    ----------
    damage
        [layers, options] rise of the loss when this layer alone is compressed, without training.
    costs
        Per quantity [layers, options]: energy in pJ and latency in s of one inference, size in
        bits.
    hopeless
        The damage at which a network is no better than one that never fires.
    """

    weights: tuple[int, ...]
    damage: Reals
    costs: Mapping[Quantity, Reals]
    hopeless: float = float("inf")

    def damage_of(self, allocation: Allocation) -> float:
        """Predicted rise of the loss, before any fine-tuning."""
        return float(sum(self.damage[i, o] for i, o in enumerate(allocation)))

    def cost_of(self, allocation: Allocation, quantity: Quantity) -> float:
        """Predicted cost."""
        return float(sum(self.costs[quantity][i, o] for i, o in enumerate(allocation)))

    def broken(
        self,
        allocation: Allocation,
        budgets: Sequence[Budget],
        correction: Mapping[Quantity, float],
    ) -> Budget | None:
        """Return the first budget that an allocation is predicted to break.

        Parameters
        ----------
        correction
            By how much predictions were found to be too low, per quantity; 1 where left out.
        """
        for budget in budgets:
            predicted = self.cost_of(allocation, budget.quantity)
            if predicted * correction.get(budget.quantity, 1.0) > budget.most:
                return budget
        return None
