"""One mapping for everything: given by a file or by settings, in place of a search."""

from __future__ import annotations

import json

import pytest

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.price import Job, mappings_from, price, price_many
from leanspike.hardware.workload.layer import Layer
from leanspike.hardware.workload.workload import Workload

CHIP = Architecture(
    name="chip",
    levels=[
        {"name": "memory", "keeps": ["Weights", "Inputs", "Outputs"], "width": 32,
         "energy": {"read": 100, "write": 100, "update": 100}},
        {"name": "buffer", "keeps": ["Weights", "Inputs", "Outputs"], "depth": 24, "width": 8,
         "energy": {"read": 1, "write": 1, "update": 1}},
    ],
)  # fmt: skip
NET = Workload(name="net", layers=[Layer(name="a", C=8, M=6), Layer(name="b", T=2, C=6, M=4)])


def test_a_searched_mapping_given_back_costs_the_same(tmp_path):
    found = price(NET, CHIP)
    path = tmp_path / "cost.json"
    path.write_text(json.dumps(found.to_dict()))
    again = price(NET, CHIP, mappings=mappings_from(path, NET, CHIP))
    assert again.energy_pj == pytest.approx(found.energy_pj, rel=1e-12)
    assert again.cycles == found.cycles


def test_a_written_mapping_is_the_one_that_is_priced(tmp_path):
    path = tmp_path / "mapping.yaml"
    path.write_text('a: ["M=6 C=8", ""]\nb: ["T=2 M=4", "C=6"]\n')
    found = price(NET, CHIP, mappings=mappings_from(path, NET, CHIP))
    assert [layer.mapping.to_text() for layer in found.layers] == [
        ["M=6 C=8 | |", " | |"],
        ["T=2 M=4 | |", "C=6 | |"],
    ]


def test_settings_are_searched_once_and_used_for_others():
    mappings = mappings_from("weight_bits=8", NET, CHIP, objective="energy")
    wide = price(NET, CHIP, objective="energy", weight_bits=8)
    assert dict(mappings) == {x.name: tuple(x.mapping.to_text()) for x in wide.layers}
    jobs = [Job(NET, CHIP, weight_bits=bits, mappings=mappings) for bits in (2, 8)]
    narrow, same = (one.cost for one in price_many(jobs))
    assert [x.mapping.to_text() for x in narrow.layers] == [
        x.mapping.to_text() for x in same.layers
    ]
    assert same.energy_pj == pytest.approx(wide.energy_pj, rel=1e-12)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("bits=8", "found 'bits=8'"),
        ("weight_bits=many", "found 'weight_bits=many'"),
        ("statistic=median", "found 'statistic=median'"),
        ("nowhere.yaml", "cannot be read"),
    ],
)
def test_what_is_neither_file_nor_setting_is_refused(source, message):
    with pytest.raises(InputError, match=message):
        mappings_from(source, NET, CHIP)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "no mapping by layer"),
        ("a: M=6", "not a list of lines"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, text, message):
    path = tmp_path / "mapping.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        mappings_from(path, NET, CHIP)


def test_a_mapping_that_does_not_fit_names_the_layer():
    with pytest.raises(InputError, match="no mapping for layer 'b'"):
        Job(NET, CHIP, mappings={"a": ("M=6 C=8", "")})
    lines = {"a": ("M=6 C=8", ""), "b": ("T=2 M=4", "C=5")}
    with pytest.raises(InputError, match="b, mapping: the factors of C multiply to 5"):
        price(NET, CHIP, mappings=lines)
