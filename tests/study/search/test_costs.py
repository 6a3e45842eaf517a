import pytest

from leanspike.hardware.price import price
from leanspike.hardware.workload.workload import Bits, Densities, Density, Layer, Workload
from leanspike.study.file.study_file import HardwareSection
from leanspike.study.plan.options import Option
from leanspike.study.records import ExploredLayer, ExploreResult
from leanspike.study.search.costs import option_table


@pytest.mark.parametrize("membrane_bits", [None, 4])
def test_the_table_is_what_pricing_the_whole_network_gives(membrane_bits):
    spikes = Densities(inputs=Density(mean=0.1, max=0.2), outputs=Density(mean=0.2, max=0.4))
    workload = Workload(
        name="two",
        layers=(
            Layer(name="conv", T=3, C=2, M=4, P=6, Q=6, R=3, S=3, density=spikes),
            Layer(name="dense", T=3, C=144, M=10, density=spikes),
        ),
    )
    options = (Option(2, 0.0), Option(8, 0.5))
    zeros = [(0.3, 0.5), (0.1, 0.6)]
    layers = (
        ExploredLayer("dense", 1440, (0.3, 0.4), zeros[1]),
        ExploredLayer("conv", 72, (0.1, 0.2), zeros[0]),
    )
    explored = ExploreResult(0.02, 0.1, layers, workload)
    hardware = HardwareSection(architectures=("event_driven",), formats=("RLE",))
    table = option_table(explored, options, hardware, membrane_bits=membrane_bits)
    assert table.layers == ("conv", "dense")
    for allocation in [(0, 0), (0, 1), (1, 0), (1, 1)]:
        layers = tuple(
            layer.replace(
                bits=Bits(weights=options[o].bits, state=membrane_bits or 16),
                density=Densities(
                    **{**dict(layer.density), "weights": Density(mean=1 - z[o], max=1 - z[o])}
                ),
            )
            for layer, o, z in zip(workload.layers, allocation, zeros, strict=True)
        )
        whole = price(Workload(layers=layers), "event_driven", formats="RLE")
        assert table.cost_of(allocation, "energy") == pytest.approx(whole.energy_pj)
        assert table.cost_of(allocation, "latency") == pytest.approx(whole.latency_s)
    assert table.hopeless == pytest.approx(0.08)
    assert table.damage_of((1, 0)) == pytest.approx(0.2 + 0.3)
    # 72 weights of 2 bits; 1440 weights, 576 of them left, a bit each to mark and 8 bits
    assert table.cost_of((0, 1), "size") == 72 + 50 * 2 - 28 + 1440 + 576 * 8
