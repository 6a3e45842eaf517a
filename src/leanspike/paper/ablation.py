"""From the published 1.46 to what hardware shows, one assumption after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from leanspike.hardware.architecture.architecture import Architecture, Level
from leanspike.hardware.price import price_all
from leanspike.hardware.semantics import Semantics
from leanspike.paper.table import PRUNED, TERNARY, ModelReading, fitted, physical

#: Words of a machine whose activations do not shrink with its weights.
ACTIVATIONS_OF_8_BITS = {"Weights": "weights", "Inputs": 8, "Outputs": 8, "State": 8}


@dataclass(frozen=True)
class Step:
    """The two networks of the headline after one more change (RLE, mean activity).

    Attributes
    ----------
    change
        What was changed.
    ternary, pruned
        Energy in mJ of ternary weights, and of 80 % pruning at 8 bits.
    alone
        The ratio where this is the only change; None for where the walk begins and ends.
    """

    change: str
    ternary: float
    pruned: float
    alone: float | None = None

    @property
    def ratio(self) -> float:
        """Pruned over ternary."""
        return self.pruned / self.ternary


def ablation() -> tuple[Step, ...]:
    """Walk from the fitted reading to the physical model, changes kept as they are made.

    A mapping that a change makes impossible is not kept: from the change on that lets each network
    have its own, all have.
    """
    here = fitted()
    readings, alone = [("the published table, fitted", here)], []
    for text, change in CHANGES:
        readings.append((text, change(readings[-1][1])))
        # Metadata that takes room does not fit the one mapping.
        base = replace(here, mapping=None) if change is _paid_metadata else here
        alone.append(change(base))
    readings.append(("the physical model", physical()))
    every = [reading for _, reading in readings] + alone
    jobs = [one.job("RLE", network) for one in every for network in (TERNARY, PRUNED)]
    energies = [
        sum(float(layer.energy_pj) for layer in found.layers) / 1e9 for found in price_all(jobs)
    ]
    pairs = list(zip(energies[::2], energies[1::2], strict=True))
    ratios = [None, *(pruned / ternary for ternary, pruned in pairs[len(readings) :]), None]
    return tuple(
        Step(text, *pair, ratio)
        for (text, _), pair, ratio in zip(readings, pairs[: len(readings)], ratios, strict=True)
    )


def _level(reading: ModelReading, name: str, **changed: object) -> ModelReading:
    chip = reading.architecture
    levels = tuple(
        Level.model_validate({**level.model_dump(), **changed}) if level.name == name else level
        for level in chip.levels
    )
    return replace(reading, architecture=chip.model_copy(update={"levels": levels}))


def _dram_words(reading: ModelReading) -> ModelReading:
    return _level(reading, "DRAM", word_bits=ACTIVATIONS_OF_8_BITS)


def _buffer_words(reading: ModelReading) -> ModelReading:
    return _level(reading, "shared_glb", word_bits=ACTIVATIONS_OF_8_BITS)


def _no_wires(reading: ModelReading) -> ModelReading:
    return _level(reading, "shared_glb", energy={})


def _all_partial_sums(reading: ModelReading) -> ModelReading:
    return _level(reading, "psum_spad", skips=())


def _one_activity(reading: ModelReading) -> ModelReading:
    return replace(reading, own_activity=False)


def _own_mappings(reading: ModelReading) -> ModelReading:
    return replace(reading, mapping=None)


def _paid_metadata(reading: ModelReading) -> ModelReading:
    files = {level.name: level for level in Architecture.load("eyeriss_snn").levels}
    for name in ("DRAM", "shared_glb", "ifmap_spad", "weights_spad", "psum_spad"):
        reading = _level(
            reading, name, formats=files[name].model_dump()["formats"],
            metadata=files[name].model_dump()["metadata"],
        )  # fmt: skip
    return reading


def _no_first_fill(reading: ModelReading) -> ModelReading:
    return replace(reading, semantics=Semantics.preset("sparseloop"))


#: What is changed, in this order.
CHANGES: tuple[tuple[str, Callable[[ModelReading], ModelReading]], ...] = (
    ("activations in 8-bit words in DRAM", _dram_words),
    ("activations in 8-bit words in the buffer", _buffer_words),
    ("no price for the buffer's wires", _no_wires),
    ("partial sums accessed whatever the operands", _all_partial_sums),
    ("one activity for both networks", _one_activity),
    ("a mapping for each network", _own_mappings),
    ("metadata of the study's files, paid on chip", _paid_metadata),
    ("Timeloop v3.0.3 (no first fill)", _no_first_fill),
)
