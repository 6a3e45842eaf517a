"""The cost of every option of every layer, by the hardware model: no training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from leanspike.hardware.price import price_all
from leanspike.hardware.workload import Bits, Densities, Density, Layer, Workload
from leanspike.study.file import HardwareSection
from leanspike.study.pricing import job_of, readings
from leanspike.study.records import ExploreResult, LayerWeights
from leanspike.study.search.table import Option, OptionTable


def option_table(
    explored: ExploreResult,
    options: Sequence[Option],
    hardware: HardwareSection,
    *,
    membrane_bits: int | None = None,
) -> OptionTable:
    """Price every option of every layer in the study's main reading.

    Each layer sees the spikes of the float network; its weights have the option's bits and the
    zeros that the option was found to make.

    Parameters
    ----------
    hardware
        The first architecture, format and statistic count.
    membrane_bits
        Width of the membranes that candidates are trained with; None leaves the workload's.

    Raises
    ------
    InputError
        When the hardware cannot be used.
    """
    layers = explored.workload.layers
    by_name = {each.name: each for each in explored.layers}
    known = [by_name[layer.name] for layer in layers]
    variants = Workload(
        layers=tuple(
            _variant(layer, o, option, each.zeros[o], membrane_bits)
            for layer, each in zip(layers, known, strict=True)
            for o, option in enumerate(options)
        )
    )
    main = readings(hardware)[0]
    (priced,) = price_all([job_of(variants, main, hardware)], hardware.objective)
    shape = (len(layers), len(options))
    sizes = [
        LayerWeights(each.name, each.weights, option.bits, each.zeros[o]).stored_bits
        for each in known
        for o, option in enumerate(options)
    ]
    # A float network that is itself no better than silence shows no harm of anything.
    hopeless = explored.silent_loss - explored.loss
    return OptionTable(
        layers=tuple(layer.name for layer in layers),
        options=tuple(options),
        weights=tuple(each.weights for each in known),
        damage=np.array([each.damage for each in known]),
        costs={
            "energy": np.array([one.energy_pj for one in priced.cost.layers]).reshape(shape),
            "latency": np.array([one.latency_s for one in priced.cost.layers]).reshape(shape),
            "size": np.array(sizes).reshape(shape),
        },
        hopeless=hopeless if hopeless > 0 else float("inf"),
    )


def _variant(
    layer: Layer, number: int, option: Option, zeros: float, membrane_bits: int | None
) -> Layer:
    density = Density(mean=1 - zeros, max=1 - zeros)
    bits = {**dict(layer.bits), "weights": option.bits}
    if membrane_bits is not None:
        bits["state"] = membrane_bits
    return layer.replace(
        name=f"{layer.name} #{number}",
        bits=Bits(**bits),
        density=Densities(**{**dict(layer.density), "weights": density}),
    )
