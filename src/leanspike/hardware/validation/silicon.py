"""Workloads and published figures of silicon and of other accelerators' papers.

Where a paper does not print what the model needs, the choice made here is named beside it and
again in the docs.
"""

from __future__ import annotations

from dataclasses import dataclass

from leanspike.hardware.layer import Bits, Densities, Density, Layer
from leanspike.hardware.workload import Workload


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
