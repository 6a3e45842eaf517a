"""A study's prices are those of the hardware room, reading by reading."""

import pytest

from leanspike.hardware.price import price
from leanspike.hardware.workload.layer import Bits, Layer
from leanspike.hardware.workload.workload import Workload
from leanspike.study.file.study_file import HardwareSection
from leanspike.study.work.pricing import price_points


def network(state):
    density = {"weights": 0.4, "inputs": {"mean": 0.1, "max": 0.3}, "outputs": 0.1}
    bits = {"weights": 4, "state": state}
    layers = [
        Layer(name=f"dense{i}", T=4, C=32, M=16, bits=bits, density=density) for i in range(2)
    ]
    return Workload(name="net", layers=tuple(layers))


def narrow(workload, bits):
    layers = (x.replace(bits=Bits(**{**dict(x.bits), "state": bits})) for x in workload.layers)
    return workload.replace(layers=tuple(layers))


def test_every_network_is_priced_with_narrow_membranes_too():
    section = HardwareSection(
        architectures=["event_driven"], formats=["RLE"], statistics=["mean", "max"],
        assumptions=False, unquantized_bits=6,
    )  # fmt: skip
    wide = network(16)
    given = [(wide, True), (network(8), True), (wide, False)]
    found = price_points(given, section)
    for (work, own), result in zip(given, found, strict=True):
        for cost in result.costs:
            bits = None if own else 6
            wanted = price(
                work, "event_driven", formats="RLE", statistic=cost.statistic, weight_bits=bits
            )
            assert cost.energy_pj == wanted.energy_pj
    less = [price(narrow(wide, 8), "event_driven", formats="RLE", weight_bits=b) for b in (4, 6)]
    assert [each.narrow_pj for each in found] == [less[0].energy_pj, None, less[1].energy_pj]
    assert found[0].narrow_pj < found[0].costs[0].energy_pj


def test_a_network_without_a_mapping_is_an_error_in_its_place():
    section = HardwareSection(
        architectures=["eyeriss_snn"], formats=["RLE"], statistics=["mean"], assumptions=False
    )
    huge = Workload(name="huge", layers=(Layer(name="conv", C=1, M=1, R=4001, S=4001),))
    refused, priced = price_points([(huge, True), (network(16), True)], section)
    assert "no mapping" in str(refused)
    assert priced.narrow_pj == pytest.approx(
        price(narrow(network(16), 8), "eyeriss_snn", formats="RLE").energy_pj
    )
