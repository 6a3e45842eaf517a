"""One layer on one architecture, compiled: what any of its mappings costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import ceil, inf

import numpy as np

from leanspike.arrays import Reals
from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import (
    COMPUTE_ACTIONS,
    STORAGE_ACTIONS,
    Architecture,
)
from leanspike.hardware.identity import Same
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.contents import Content
from leanspike.hardware.model.cost import EnergyItem, LayerCost
from leanspike.hardware.model.energy import Pricing
from leanspike.hardware.model.evaluate import Evaluation, evaluate
from leanspike.hardware.model.footprint import UnitBits
from leanspike.hardware.model.membrane import MembraneTraffic, membrane_traffic, no_membrane
from leanspike.hardware.model.plan import Bits, Plan
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.sparsity.density import DensityModel, FixedStructured, Measured, Uniform
from leanspike.hardware.workload.layer import DIMENSIONS, Layer, Statistic
from leanspike.hardware.workload.problem import Problem


@dataclass(frozen=True)
class Case:
    """A layer on an architecture under one semantics.

    >>> from leanspike.hardware.architecture import Architecture
    >>> chip = Architecture(
    ...     name="tiny",
    ...     levels=[{"name": "DRAM", "keeps": ["Weights", "Inputs", "Outputs"],
    ...              "energy": {"read": 1, "write": 1, "update": 1}}],
    ... )
    >>> case = Case.of(Layer(name="dense", C=4, M=2), chip, Semantics.preset("sparseloop"))
    >>> cost = case.cost(Mapping.from_text(case.plan.problem.dims, ["M=2 C=4"]))
    >>> cost.cycles, cost.energy_pj
    (8.0, 30.0)
    """

    name: str
    plan: Plan
    models: tuple[DensityModel, ...]
    pricing: Pricing
    semantics: Semantics
    cycle_ns: float
    neurons: bool
    dense: bool = False

    @classmethod
    def of(
        cls,
        layer: Layer,
        architecture: Architecture,
        semantics: Semantics,
        *,
        statistic: Statistic = "mean",
        models: dict[str, DensityModel] | None = None,
        built_for: UnitBits | None = None,
    ) -> Case:
        """Compile a layer for an architecture.

        ``built_for`` are the widths of the architecture's units, which its area and leakage
        follow: the layer's own when left out (see :func:`network_cases` for a whole network).

        Without ``models``, a density says where the non-zeros lie as the semantics' preset does:
        anywhere (uniform), or with ``whole_accesses`` evenly spread (fixed-structured).
        """
        problem, plan, pricing = _compiled(
            Same(architecture), _Shape.of(layer), semantics, built_for or UnitBits.widest([layer])
        )
        volumes = problem.volumes()
        chosen: list[DensityModel] = []
        for name in problem.tensors:
            density = layer.density_of(name, statistic)  # type: ignore[arg-type]
            if name == "Inputs" and not semantics.free_padding:
                # The measured density is that of the values without padding.
                density *= _real_inputs(layer)
            if models is not None and name in models:
                chosen.append(_of_real_values(models[name], problem, name))
            elif semantics.whole_accesses:
                chosen.append(FixedStructured(density))
            else:
                chosen.append(Uniform.from_density(density, volumes[name]))
        return cls(
            name=layer.name,
            plan=plan,
            models=tuple(chosen),
            pricing=pricing,
            semantics=semantics,
            cycle_ns=architecture.cycle_ns,
            neurons=layer.neurons and semantics.membrane_state,
        )

    def cost(self, mapping: Mapping) -> LayerCost:
        """Price one mapping.

        Raises
        ------
        InputError
            When the mapping does not fit the problem, the array, or a level's capacity.
        """
        levels = self.plan.architecture.levels
        mapping.check(self.plan.problem, len(levels))
        membrane = no_membrane(1, len(levels))
        if self.neurons:
            membrane = membrane_traffic(self.plan, mapping.arrays)
        found = evaluate(
            self.plan, mapping, self.models, self.semantics, dense=self.dense,
            state=membrane.per_instance[0],
        )  # fmt: skip
        stored = self.storage_bits(found, membrane)
        latency = found.cycles * self.cycle_ns * 1e-9
        return LayerCost(
            name=self.name,
            mapping=mapping,
            energy=self._energy(found, membrane, latency),
            cycles=found.cycles,
            compute_cycles=found.compute_cycles,
            level_cycles={
                level.name: float(cycles)
                for level, cycles in zip(levels, found.row.level_cycles, strict=True)
            },
            latency_s=latency,
            computes={
                "dense": float(self.plan.problem.computes),
                "actual": float(found.row.computes[0]),
                "gated": float(found.row.computes[1]),
                "skipped": float(found.row.computes[2]),
            },
            neuron_updates=membrane.updates,
            storage_bits=stored,
            evaluation=found,
            notes=self.notes,
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What is peculiar about the layer, a sentence each."""
        return (*self._narrow_words, *self._all_zeros)

    @property
    def _narrow_words(self) -> tuple[str, ...]:
        """Where values are wider than the words they are counted as."""
        plan, tensors = self.plan, self.plan.problem.tensors
        bits = {**plan.bits.values, tensors[plan.problem.written]: plan.bits.partial_sums}
        narrow: dict[str, list[str]] = {}
        for i, level in enumerate(plan.architecture.levels):
            if level.word_bits is None:
                continue
            words = {name: int(plan.value_bits[i, x]) for x, name in enumerate(tensors)}
            for x, name in enumerate(tensors):
                if plan.keep[i, x] and bits[name] > words[name]:
                    text = f"{name.lower()} ({bits[name]} bits in {words[name]})"
                    narrow.setdefault(level.name, []).append(text)
        return tuple(
            f"{level} counts one word for a value that is wider: {', '.join(held)}"
            for level, held in narrow.items()
        )

    @property
    def _all_zeros(self) -> tuple[str, ...]:
        empty = [
            name.lower()
            for x, name in enumerate(self.plan.problem.tensors)
            if x != self.plan.problem.written and self.models[x].density == 0
        ]
        if not empty or self.dense:
            return ()
        return (
            f"all {' and '.join(empty)} are zero: nothing is accumulated, and what is left is "
            "the cost of moving zeros that are not skipped and of the neurons",
        )

    def storage_bits(self, found: Evaluation, membrane: MembraneTraffic) -> dict[str, float]:
        """Return the most bits an instance of each level holds, checked against its capacity."""
        plan = self.plan
        stored = {}
        for i, level in enumerate(plan.architecture.levels):
            data = metadata = 0.0
            for x, content in enumerate(found.contents[i]):
                if content is None:
                    continue
                bits = plan.stored_bits[i, x]
                if x == plan.problem.written and (
                    found.nest.leaving[i, x] == found.nest.partition[i, x]
                ):
                    bits *= plan.finished_share[i]  # no partial sum ever gets here
                held = content_bits(content, bits, found.word_bits[i, x])
                data, metadata = data + held[0], metadata + held[1]
            data += membrane.tile[0, i] * plan.stored_state_bits[i]
            shared = plan.metadata_capacity[i] < 0
            _check_room(level.name, "values", data + metadata * shared, plan.capacity[i])
            if not shared:
                _check_room(level.name, "metadata", metadata, plan.metadata_capacity[i])
            stored[level.name] = data + metadata * (not level.free_metadata)
        return stored

    def _energy(
        self, found: Evaluation, membrane: MembraneTraffic, latency: float
    ) -> tuple[EnergyItem, ...]:
        plan, prices = self.plan, self.pricing
        items: list[EnergyItem] = []
        for i, level in enumerate(plan.architecture.levels):
            clusters = self.clustering(i, int(found.nest.instances[i]))
            for x, tensor in enumerate(plan.problem.tensors):
                if not plan.keep[i, x]:
                    continue
                for a, action in enumerate(STORAGE_ACTIONS):
                    count = found.row.accesses[i, x, a] * found.row.instances[i, x]
                    if action.startswith("skipped_metadata") and not (
                        self.semantics.skipped_metadata
                    ):
                        continue
                    pj = count * prices.storage[i, x, a] * clusters
                    # Wires without a price are none.
                    if count and (pj or action != "wire"):
                        items.append(
                            EnergyItem(level.name, tensor, action, float(count), float(pj))
                        )
            for way, count, price in (
                ("read", membrane.reads[0, i], prices.state[i, 0]),
                ("update", membrane.writes[0, i], prices.state[i, 1]),
            ):
                if count:
                    items.append(
                        EnergyItem(level.name, "State", way, float(count), float(count * price))
                    )
        unit = plan.architecture.compute.name
        for action, count, price in zip(
            COMPUTE_ACTIONS, found.row.computes, prices.compute, strict=True
        ):
            if count:
                items.append(EnergyItem(unit, "-", action, float(count), float(count * price)))
        if membrane.updates and plan.architecture.neuron is not None:
            name = plan.architecture.neuron.name
            pj = membrane.updates * prices.neuron
            items.append(EnergyItem(name, "State", "neuron_update", membrane.updates, pj))
        for name, leakage in prices.leakage_uw.items():
            if leakage:
                # uW x s = 1e6 pJ
                items.append(EnergyItem(name, "-", "leakage", 1.0, leakage * latency * 1e6))
        return tuple(items)

    def clustering(self, level: int, used: int) -> float:
        """Return the clusters used per instance used: instances of a cluster share an access."""
        chip = self.plan.architecture
        clusters = chip.instances(level) // chip.levels[level].cluster
        return min(used, clusters) / used


def _real_inputs(layer: Layer) -> float:
    """Return the fraction of the input with padding that holds values."""
    return float(layer.input_mask(0).mean() * layer.input_mask(1).mean())


def _of_real_values(model: DensityModel, problem: Problem, name: str) -> DensityModel:
    """Return a model of a tensor's values without its padding."""
    if not isinstance(model, Measured) or problem.masked != problem.tensors.index(name):
        return model
    extents = 1 + problem.coefficients[problem.masked] @ (problem.bounds - 1)
    if model.nonzero.size != extents.prod():
        return model
    masks = [np.diff(before) > 0 if before[0] >= 0 else np.ones(n, np.bool_)
             for before, n in zip(problem.real, extents, strict=True)]  # fmt: skip
    return model.without([mask[:n] for mask, n in zip(masks, extents, strict=True)])


def network_cases(
    layers: Sequence[Layer],
    architecture: Architecture,
    semantics: Semantics,
    *,
    statistic: Statistic = "mean",
) -> list[Case]:
    """Compile the layers of one network, for a chip whose units fit the widest of them."""
    bits = UnitBits.widest(layers)
    return [
        Case.of(layer, architecture, semantics, statistic=statistic, built_for=bits)
        for layer in layers
    ]


@dataclass(frozen=True)
class _Shape:
    """A layer but for its name and densities: equal for layers that compile to the same plan."""

    key: tuple[object, ...]
    layer: Layer = field(compare=False)

    @classmethod
    def of(cls, layer: Layer) -> _Shape:
        bits = layer.bits
        widths = (bits.weights, bits.inputs, bits.outputs, bits.partial_sums, bits.state)
        loops = tuple(getattr(layer, letter) for letter in DIMENSIONS)
        neuron_maps = layer.neuron_maps if layer.neurons else None
        place = (
            layer.padding,
            layer.input_size,
            layer.upsampling,
            neuron_maps,
            layer.operand,
        )
        return cls((loops, layer.stride, layer.dilation, layer.groups, place, widths), layer)


# A study prices the same shapes again and again with other densities.
@lru_cache(maxsize=1024)
def _compiled(
    chip: Same[Architecture], shape: _Shape, semantics: Semantics, built_for: UnitBits
) -> tuple[Problem, Plan, Pricing]:
    """Return a layer's problem, plan and pricing on an architecture."""
    layer = shape.layer
    problem = Problem.of(layer, padding_is_real=not semantics.free_padding)
    bits = Bits(
        values={
            "Weights": layer.bits.weights,
            "Inputs": layer.bits.inputs,
            "Outputs": layer.bits.outputs,
        },
        partial_sums=layer.bits.partial_sums,
        state=layer.bits.state,
    )
    pooled = layer.neurons and layer.neuron_maps != (layer.P, layer.Q)
    plan = Plan.of(
        chip.it, problem, bits, semantics, neuron_maps=layer.neuron_maps if pooled else None
    )
    return problem, plan, Pricing.of(plan, semantics, built_for=built_for)


def content_bits(content: Content, stored_bits: float, word_bits: Reals) -> tuple[float, float]:
    """Return the most bits of values and of metadata that a tile takes; word_bits is [R, 2]."""
    words = content.most_words * word_bits[: len(content.most_words)]
    return content.values * stored_bits, float(ceil(float(words.sum())))


def _check_room(level: str, what: str, needed: float, room: float) -> None:
    if room != inf and needed > room:
        raise InputError(
            f"the mapping needs {needed:.0f} bits for {what}, expected at most {room:.0f}",
            where=f"level {level}",
        )
