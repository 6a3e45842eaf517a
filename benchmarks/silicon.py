"""Workloads, published figures and runs of silicon and of other accelerators' papers.

Where a paper does not print what the model needs, the choice made here is named beside it and
again in the docs.
"""

from __future__ import annotations

from dataclasses import dataclass

from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.model.cost import WorkloadCost
from leanspike.hardware.price import price
from leanspike.hardware.workload.layer import Bits, Densities, Density, Layer
from leanspike.hardware.workload.workload import Workload


@dataclass(frozen=True)
class SneFigures:
    """SNE on DVS128 Gesture (Di Mauro et al., DATE 2022, 22 nm), as printed."""

    activities: tuple[float, float] = (0.012, 0.049)
    energies_uj: tuple[float, float] = (80.0, 261.0)
    pj_per_operation: float = 0.221

    @property
    def operations(self) -> tuple[float, float]:
        """Synaptic operations that the energies are at the printed price of one."""
        low, high = (energy * 1e6 / self.pj_per_operation for energy in self.energies_uj)
        return low, high

    @property
    def line(self) -> tuple[float, float]:
        """Slope (uJ per unit of activity) and floor (uJ) of the line through both."""
        return line_through(self.activities, self.energies_uj)


def line_through(x: tuple[float, float], y: tuple[float, float]) -> tuple[float, float]:
    """Return slope and intercept of the line through two points."""
    slope = (y[1] - y[0]) / (x[1] - x[0])
    return slope, y[0] - slope * x[0]


SNE = SneFigures()

#: pJ per synaptic operation of SENECA, about (Tang et al., Frontiers in Neuroscience 2023, 22 nm).
SENECA_PJ_PER_OPERATION = 2.8


@dataclass(frozen=True)
class SpinalFlowFigures:
    """SpinalFlow (Narayanan et al., ISCA 2020) over Eyeriss, as its abstract prints them."""

    energy_of_4_bit_eyeriss: float = 1.8
    energy_of_8_bit_eyeriss: float = 5.0
    time_of_8_bit_eyeriss: float = 5.4


SPINALFLOW = SpinalFlowFigures()


def sne_network(activity: float, *, steps: int) -> Workload:
    """Return a gesture network of SNE's kind at one activity of all its layers.

    SNE's paper does not print its network. This is the one most gesture results of that time use
    (SLAYER, Shrestha and Orchard, NeurIPS 2018): 128x128x2 pooled by 4, 16 channels 5x5, pooled by
    2, 32 channels 3x3, pooled by 2, dense 512, dense 11; 4-bit weights, 8-bit states.
    """
    shapes = (
        ("conv1", 2, 16, 32, 5),
        ("conv2", 16, 32, 16, 3),
        ("dense1", 32 * 8 * 8, 512, 1, 1),
        ("dense2", 512, 11, 1, 1),
    )
    bits = Bits(weights=4, partial_sums=8, state=8)
    both = Density(mean=activity, max=activity)
    layers = tuple(
        Layer(
            name=name, T=steps, C=c, M=m, P=side, Q=side, R=kernel, S=kernel,
            padding=(kernel // 2, kernel // 2), bits=bits,
            density=Densities(inputs=both, outputs=both),
        )
        for name, c, m, side, kernel in shapes
    )  # fmt: skip
    return Workload(name="sne", source="SLAYER's gesture network", layers=layers)


def vgg_spiking(*, ticks: int, spiking: float) -> Workload:
    """Return VGG-16's convolutions as SpinalFlow runs them.

    A neuron spikes at most once in ``ticks`` (4-bit values: 16), and the fraction ``spiking`` of
    all neurons does so at all: each tick's density is their ratio. Weights have 8 bits.
    """
    density = spiking / ticks
    bits = Bits(weights=8, inputs=1, outputs=1, partial_sums=16, state=16)
    return _vgg(ticks, bits, density)


def vgg_quantized(*, bits: int, density: float) -> Workload:
    """Return VGG-16's convolutions with inputs and weights of ``bits`` bits and no time."""
    widths = Bits(weights=bits, inputs=bits, outputs=bits, partial_sums=16)
    return _vgg(1, widths, density)


def _vgg(steps: int, bits: Bits, density: float) -> Workload:
    """VGG-16 (Simonyan and Zisserman, ICLR 2015) at 224x224: its nine different convolutions."""
    both = Density(mean=density, max=density)
    shapes = (
        (3, 64, 224), (64, 64, 224), (64, 128, 112), (128, 128, 112), (128, 256, 56),
        (256, 256, 56), (256, 512, 28), (512, 512, 28), (512, 512, 14),
    )  # fmt: skip
    layers = tuple(
        Layer(
            name=f"conv{place + 1}", T=steps, C=c, M=m, P=side, Q=side, R=3, S=3, padding=(1, 1),
            bits=bits, neurons=steps > 1, density=Densities(inputs=both, outputs=both),
        )
        for place, (c, m, side) in enumerate(shapes)
    )  # fmt: skip
    return Workload(name="vgg16", source="VGG-16 convolutions, each once", layers=layers)


def sne_run(*, steps: int = 1000) -> dict[str, float]:
    """Price SNE's kind of network at its two printed activities on ``event_clusters``.

    Returns
    -------
    dict
        ``pj_per_operation_low`` and ``_high``, at the two activities, of the clusters (without
        the system's memory); ``floor_share``, the share of the energy at the lower activity that
        the line through both has at no activity; ``published_floor_share``.
    """
    energies, prices = [], []
    for activity in SNE.activities:
        cost = price(sne_network(activity, steps=steps), "event_clusters")
        inside = cost.energy_pj - cost.energy_by("component").get("memory", 0.0)
        energies.append(float(inside))
        prices.append(float(inside) / sum(layer.computes["actual"] for layer in cost.layers))
    _, floor = line_through(SNE.activities, (energies[0], energies[1]))
    _, published = SNE.line
    return {
        "pj_per_operation_low": prices[0],
        "pj_per_operation_high": prices[1],
        "floor_share": floor / energies[0],
        "published_floor_share": published / SNE.energies_uj[0],
    }


def seneca_run(*, activity: float = 0.05, steps: int = 200) -> dict[str, float]:
    """Price a synaptic operation on ``event_driven``, with 16-bit weights, sums and states.

    The network is :func:`sne_network`'s.

    Returns
    -------
    dict
        pJ per operation: ``core``, what it switches in the core (memory, addition, the leak
        sweep's share); ``leakage``; ``network``, spikes in and out and weights in, once.
    """
    bits = Bits(weights=16, partial_sums=16, state=16)
    network = sne_network(activity, steps=steps)
    network = network.replace(layers=tuple(layer.replace(bits=bits) for layer in network.layers))
    cost = price(network, "event_driven")
    found = {"core": 0.0, "leakage": 0.0, "network": 0.0}
    for layer in cost.layers:
        for item in layer.energy:
            part = "network" if item.component == "network" else "core"
            found["leakage" if item.action == "leakage" else part] += float(item.pj)
    operations = sum(layer.computes["actual"] for layer in cost.layers)
    return {part: energy / operations for part, energy in found.items()}


def spinalflow_run(
    *, spiking: float = 0.1, ticks: int = 16, density: float = 0.1
) -> dict[str, float]:
    """Price VGG-16's convolutions as spikes on ``tick_batching`` and as numbers on Eyeriss.

    Both are in 28 nm at 200 MHz with the same DRAM; Eyeriss gates zero inputs and computes with 4
    or 8 bits.

    Parameters
    ----------
    spiking
        Fraction of neurons that spike in all ticks together; the paper's 90 % sparsity.
    ticks
        Time steps: 16 for values of 4 bits.
    density
        Non-zero inputs of the network that does not spike, which the abstract does not say.

    Returns
    -------
    dict
        Eyeriss over SpinalFlow, in energy on the chip (``chip_4``, ``chip_8``), in energy with
        DRAM (``energy_4``, ``energy_8``) and in time (``time_4``, ``time_8``).
    """
    flow = price(vgg_spiking(ticks=ticks, spiking=spiking), "tick_batching")
    found = {}
    for bits in (4, 8):
        cost = price(vgg_quantized(bits=bits, density=density), _eyeriss(bits))
        found[f"chip_{bits}"] = _on_chip(cost) / _on_chip(flow)
        found[f"energy_{bits}"] = cost.energy_pj / flow.energy_pj
        found[f"time_{bits}"] = cost.latency_s / flow.latency_s
    return {name: float(value) for name, value in found.items()}


def _on_chip(cost: WorkloadCost) -> float:
    return cost.energy_pj - cost.energy_by("component").get("DRAM", 0.0)


def _eyeriss(bits: int) -> Architecture:
    """Return Eyeriss in 28 nm with LPDDR4 and with multipliers of the values' width."""
    chip = Architecture.load("eyeriss_168")
    dram = chip.levels[0].model_copy(update={"component": {"class": "dram", "type": "LPDDR4"}})
    unit = chip.compute.model_copy(
        update={"component": {**(chip.compute.component or {}), "bits": bits}}
    )
    return chip.model_copy(
        update={"technology": "28nm", "compute": unit, "levels": (dram, *chip.levels[1:])}
    )
