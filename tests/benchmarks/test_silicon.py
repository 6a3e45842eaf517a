import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import silicon


def test_sne_prints_a_line_with_a_floor() -> None:
    slope, floor = silicon.SNE.line
    assert slope * 0.01 == pytest.approx(48.9, abs=0.1)  # uJ per percent of activity
    assert floor == pytest.approx(21.3, abs=0.1)
    assert silicon.SNE.operations == pytest.approx([3.62e8, 1.181e9], rel=1e-3)


def test_networks_of_the_comparisons() -> None:
    sne = silicon.sne_network(0.012, steps=100)
    assert sum(layer.accumulates for layer in sne.layers) == 100 * (
        32 * 32 * 16 * 2 * 25 + 16 * 16 * 32 * 16 * 9 + 2048 * 512 + 512 * 11
    )
    assert all(layer.density_of("Inputs") == 0.012 for layer in sne.layers)
    spiking, dense = (
        silicon.vgg_spiking(ticks=16, spiking=0.1),
        silicon.vgg_quantized(bits=4, density=0.1),
    )
    effectual = [layer.accumulates * layer.density_of("Inputs") for layer in spiking.layers]
    # One spike stands for one value: both networks have the same work that cannot be skipped.
    assert effectual == pytest.approx([x.accumulates * 0.1 for x in dense.layers])
    assert not any(layer.neurons for layer in dense.layers)


def test_snes_synaptic_operation_is_priced_within_a_factor_of_three() -> None:
    found = silicon.sne_run(steps=100)
    assert 0.221 / 3 < found["pj_per_operation_high"] < 0.221 * 3
    assert 0 < found["floor_share"] < 1


def test_senecas_synaptic_operation_is_priced_within_a_factor_of_three() -> None:
    found = silicon.seneca_run(activity=0.2, steps=20)
    assert 2.8 / 3 < found["core"] < 2.8 * 3
    assert min(found.values()) > 0
