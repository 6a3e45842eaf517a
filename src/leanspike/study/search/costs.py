"""The cost of every option of every layer, by the hardware model: no training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from leanspike.hardware.search import search_cases
from leanspike.hardware.workload import Bits, Densities, Density, Layer, Workload
from leanspike.study.file import HardwareSection
from leanspike.study.point_result import LayerWeights
from leanspike.study.pricing import cases_of, main_reading
from leanspike.study.search.table import Option, OptionTable


def option_table(
    explored: Mapping[str, Any],
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
    explored
        What :func:`leanspike.study.search.sensitivity.explore` returned.
    options
        The options it was given.
    hardware
        The first architecture, format and statistic count.
    membrane_bits
        Width of the membranes that candidates are trained with; None leaves the workload's.

    Raises
    ------
    InputError
        When the hardware cannot be used.
    """
    layers = Workload(**explored["workload"]).layers
    by_name = {each["name"]: each for each in explored["layers"]}
    known = [by_name[layer.name] for layer in layers]
    variants = Workload(
        layers=tuple(
            _variant(layer, o, option, each["zeros"][o], membrane_bits)
            for layer, each in zip(layers, known, strict=True)
            for o, option in enumerate(options)
        )
    )
    cases = cases_of(variants, main_reading(hardware), hardware)
    found = [case.cost for case in search_cases(cases, hardware.objective)]
    shape = (len(layers), len(options))
    sizes = [
        LayerWeights(each["name"], each["weights"], option.bits, each["zeros"][o]).stored_bits
        for each in known
        for o, option in enumerate(options)
    ]
    # A float network that is itself no better than silence tells nothing.
    hopeless = explored["silent_loss"] - explored["loss"]
    return OptionTable(
        layers=tuple(layer.name for layer in layers),
        options=tuple(options),
        weights=tuple(each["weights"] for each in known),
        damage=np.array([each["damage"] for each in known]),
        costs={
            "energy": np.array([cost.energy_pj for cost in found]).reshape(shape),
            "latency": np.array([cost.latency_s for cost in found]).reshape(shape),
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
