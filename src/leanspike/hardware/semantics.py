"""Semantics: what the model assumes, as named switches with three presets.

``physical`` (the default) is what hardware would do. ``sparseloop`` is what Timeloop v3.0.3 with
Sparseloop does and ``timeloop2022`` what its versions of 2022 do (v3.0 is of 2023), for comparison
with published work. Every field's ``says`` metadata is the
one-line description that reports show.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Literal, get_args

from leanspike.errors import InputError

Preset = Literal["physical", "sparseloop", "timeloop2022"]


def _switch(physical: bool, says: str) -> bool:
    chosen: bool = field(default=physical, metadata={"says": says})
    return chosen


@dataclass(frozen=True)
class Semantics:
    """The model's assumptions; the defaults are the ``physical`` preset.

    >>> Semantics().membrane_state, Semantics.preset("sparseloop").membrane_state
    (True, False)
    >>> Semantics.preset("physical").flipped("membrane_state").membrane_state
    False
    """

    membrane_state: bool = _switch(
        True,
        "the membrane potential is read and written once per neuron and step, and moved between "
        "levels when it does not stay, in energy and in time; off: it costs nothing",
    )
    compare_per_step: bool = _switch(
        True,
        "the threshold is compared once per neuron and step; off: on every accumulate, inside "
        "the compute unit's energy",
    )
    activation_dram: bool = _switch(
        True,
        "inputs and outputs are read from and written to the outermost memory; off: they start "
        "and end in the next level that keeps them, for free",
    )
    spikes_leave: bool = _switch(
        True,
        "finished outputs leave the neurons with the layer's output bits (spikes: 1), as many as "
        "there are neurons; off: they keep the width and number of partial sums",
    )
    first_fill: bool = _switch(
        False,
        "the first, zero-initializing fill of a partial sum is a write; off: the first "
        "accumulate overwrites",
    )
    drain_reads: bool = _switch(
        True,
        "outputs that leave a level for the one outside it are read there first; off: they leave "
        "unread",
    )
    free_padding: bool = _switch(
        True,
        "padding (and the zeros that a transposed convolution puts between values) is never "
        "stored, moved or computed with; off: it is zeros like others",
    )
    exact_overlap: bool = _switch(
        True,
        "what a tile shares with the one before it stays; off: it stays only while the tile "
        "keeps its stride over two successive iterations, else the whole tile is fetched again",
    )
    neighbor_links: bool = _switch(
        False,
        "with exact_overlap off, an instance takes a tile from the neighbor that held it an "
        "iteration before, where that saves reads above; off: every tile comes from above",
    )
    exact_leader: bool = _switch(
        True,
        "a read is skipped or gated when all that its values would meet while they stay is zero; "
        "off: when Sparseloop's leader tile is, which scales with rows and can rule a condition "
        "out",
    )
    whole_accesses: bool = _switch(
        False,
        "expected counts are rounded to whole accesses at every step; off: expectations stay "
        "fractions",
    )
    run_overflow: bool = _switch(
        True,
        "runs longer than a run-length word can say take extra words; off: one word per non-zero",
    )
    innermost_offsets: bool = _switch(
        True,
        "an innermost offset rank stores its coordinates with the values; off: it compresses "
        "for free",
    )
    skipped_metadata: bool = _switch(
        False,
        "metadata of skipped values is charged like metadata that is used; off: it is not read",
    )
    chained_metadata: bool = _switch(
        True,
        "metadata goes where its values go, and a level that skips below another that does reads "
        "its own; off: it reads none, and only some of it follows what never arrives",
    )
    gating_keeps_cycles: bool = _switch(
        True,
        "gated reads leave the compute unit idle for the cycle; off: they free the cycle",
    )
    load_imbalance: bool = _switch(
        True,
        "units that skip on their own finish with the slowest of them; off: they share the work "
        "evenly",
    )

    @classmethod
    def preset(cls, name: str) -> Semantics:
        """Return a preset by name.

        Raises
        ------
        InputError
            When there is no such preset.
        """
        if name not in get_args(Preset):
            raise InputError(
                f"found {name!r}, expected {', '.join(get_args(Preset))}", where="semantics"
            )
        return _PRESETS[name]

    @property
    def links_neighbors(self) -> bool:
        """Return whether transfers between neighbors count: Timeloop's need its overlaps."""
        return self.neighbor_links and not self.exact_overlap

    def flipped(self, switch: str) -> Semantics:
        """Return a copy with one switch the other way."""
        if switch not in {item.name for item in fields(self)}:
            raise InputError(
                f"no switch {switch!r}",
                remedy=f"Switches: {', '.join(item.name for item in fields(self))}",
            )
        return replace(self, **{switch: not getattr(self, switch)})


_SPARSELOOP = Semantics(
    membrane_state=False,
    compare_per_step=False,
    activation_dram=True,
    spikes_leave=False,
    first_fill=False,
    drain_reads=False,
    free_padding=False,
    exact_overlap=False,
    neighbor_links=True,
    exact_leader=False,
    whole_accesses=True,
    run_overflow=False,
    innermost_offsets=False,
    skipped_metadata=True,
    chained_metadata=False,
    gating_keeps_cycles=False,
    load_imbalance=False,
)

# What differs between Timeloop of November 2022 (commit 905ba95) and v3.0.3 in what is counted, by
# the sources of both: src/loop-analysis/tiling.cpp takes the first use of a partial sum off its
# fills only in the latter. src/sparse-analysis and src/workload/format-models are the same, so is
# buffer.cpp but for reports. (Its networks differ, too; no preset counts hops.)
_PRESETS = {
    "physical": Semantics(),
    "sparseloop": _SPARSELOOP,
    "timeloop2022": replace(_SPARSELOOP, first_fill=True),
}
