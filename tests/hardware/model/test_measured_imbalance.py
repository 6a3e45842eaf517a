"""Waiting on measured tensors, against a referee that does every compute of every unit."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from every_mapping import every_mapping, legal_costs
from hypothesis import given, settings
from hypothesis import strategies as st

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.case import Case
from leanspike.hardware.search.exhaustive import search_cases
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.sparsity.density import Measured
from leanspike.hardware.workload.layer import Layer


def referee(mapping: Mapping, problem, tensors: dict[str, np.ndarray], inside: int) -> int:
    """Cycles when in every pass the units wait for the one with most computes left.

    Walks the loops as they are written, unit by unit and compute by compute.
    """
    loops = []
    for slot in range(len(mapping.factors)):
        for d in mapping.order[slot]:
            inner = mapping.factors[slot + 1 :, d].prod()
            loops.append((slot, d, int(mapping.factors[slot, d]), int(inner)))
    parts = {
        "pass": [x for x in loops if x[0] % 3 == 0 and x[0] < 3 * inside],
        "unit": [x for x in loops if x[0] % 3 != 0],
        "inner": [x for x in loops if x[0] % 3 == 0 and x[0] >= 3 * inside],
    }

    def positions(which: str):
        for steps in product(*(range(n) for _, _, n, _ in parts[which])):
            at = np.zeros(len(problem.dims), int)
            for step, (_, d, _, stride) in zip(steps, parts[which], strict=True):
                at[d] += step * stride
            yield at

    cycles = 0
    for at_pass in positions("pass"):
        counts = []
        for at_unit in positions("unit"):
            left = 0
            for at_inner in positions("inner"):
                at = at_pass + at_unit + at_inner
                there = True
                for name, tensor in tensors.items():
                    index = problem.coefficients[problem.tensors.index(name)] @ at
                    there &= bool(tensor[tuple(index[: tensor.ndim])])
                left += there
            counts.append(left)
        cycles += max(counts)
    return cycles


def chip(follow: dict, *, skips: bool = False, x_dims=("M", "C", "P")) -> Architecture:
    everything = ["Weights", "Inputs", "Outputs"]
    energy = {"read": 1.0, "write": 1.0, "update": 1.0}
    return Architecture(
        name="units",
        levels=[
            {"name": "memory", "keeps": everything, "energy": energy, "fanout": {"x": 4, "y": 2},
             "x": {"dims": list(x_dims)}, "y": {"dims": ["M", "T"]},
             "time": {"dims": ["T", "C", "M", "P"]}},
            {"name": "cell", "keeps": everything, "energy": energy,
             "formats": {"Weights": ["UBM"], "Inputs": ["UBM"]} if skips else {}, **follow},
        ],
        compute={"skips": skips, "energy": {"compute": 1.0}},
    )  # fmt: skip


ON_INPUTS = {"skips": [{"target": "Weights", "when_empty": ["Inputs"]}]}
ON_WEIGHTS = {"skips": [{"target": "Inputs", "when_empty": ["Weights"]}]}
ON_BOTH = {"skips": ON_INPUTS["skips"] + ON_WEIGHTS["skips"]}


@st.composite
def layers(draw) -> Layer:
    convolution = draw(st.booleans())
    return Layer(
        name="layer",
        T=draw(st.sampled_from([1, 2])),
        C=draw(st.sampled_from([1, 2, 4])),
        M=draw(st.sampled_from([2, 4])),
        P=draw(st.sampled_from([2, 3])) if convolution else 1,
        R=draw(st.sampled_from([2, 3])) if convolution else 1,
        stride=draw(st.sampled_from([(1, 1), (2, 1)])),
        dilation=draw(st.sampled_from([(1, 1), (2, 1)])),
        neurons=False,
    )


def shape(case_layer: Layer, name: str) -> tuple[int, ...]:
    if name == "Weights":
        return (case_layer.M, case_layer.C, case_layer.R, case_layer.S)
    height, width = case_layer.input_extent
    return (case_layer.T, case_layer.N, case_layer.C, height, width)


@settings(max_examples=40)
@given(
    layers(),
    st.sampled_from(["inputs", "weights", "both", "compute"]),
    st.sampled_from([0.2, 0.5, 0.8]),
    st.integers(0, 10_000),
)
def test_cycles_are_those_of_the_slowest_units(layer, waits, density, seed):
    random = np.random.default_rng(seed)
    tensors = {n: random.random(shape(layer, n)) < density for n in ("Weights", "Inputs")}
    follow = {"inputs": ON_INPUTS, "weights": ON_WEIGHTS, "both": ON_BOTH, "compute": {}}[waits]
    case = Case.of(
        layer, chip(follow, skips=waits == "compute"), Semantics(),
        models={name: Measured(held) for name, held in tensors.items()},
    )  # fmt: skip
    mappings = list(every_mapping(case))
    met = {"inputs": ["Inputs"], "weights": ["Weights"]}.get(waits, ["Inputs", "Weights"])
    for _ in range(5):
        mapping = mappings[random.integers(len(mappings))]
        try:
            cost = case.cost(mapping)
        except InputError:
            continue
        expected = referee(mapping, case.plan.problem, {n: tensors[n] for n in met}, 1)
        assert cost.compute_cycles == expected


def test_a_single_unit_does_all_that_is_left():
    weights = np.zeros((2, 4, 1, 1))
    weights[0, :3] = 1
    layer = Layer(name="dense", C=4, M=2, neurons=False)
    case = Case.of(layer, chip(ON_WEIGHTS), Semantics(), models={"Weights": Measured(weights)})
    alone = Mapping.from_text(case.plan.problem.dims, ["M=2 C=4", ""])
    spread = Mapping.from_text(case.plan.problem.dims, ["C=4 | | M=2", ""])
    assert case.cost(alone).compute_cycles == 3
    # The unit with the empty row waits three times for the other.
    assert case.cost(spread).compute_cycles == 3


@settings(max_examples=10)
@given(layers(), st.sampled_from(["edp", "latency"]), st.integers(0, 10_000))
def test_a_search_sees_the_waiting_of_every_mapping(layer, objective, seed):
    random = np.random.default_rng(seed)
    models = {n: Measured(random.random(shape(layer, n)) < 0.4) for n in ("Weights", "Inputs")}
    models["Inputs"].nonzero[(0,) * 5] = True
    case = Case.of(layer, chip(ON_BOTH, x_dims=("M", "P")), Semantics(), models=models)
    costs = legal_costs(case)
    found = search_cases([case], objective)[0]
    best = min(c.cycles if objective == "latency" else c.energy_pj * c.cycles for c in costs)
    score = found.cycles if objective == "latency" else found.energy_pj * found.cycles
    assert score == pytest.approx(best, rel=1e-12)
    assert (found.energy_pj, found.cycles) == (found.cost.energy_pj, found.cost.cycles)


def test_a_tensor_of_another_shape_is_refused():
    layer = Layer(name="dense", C=4, M=2, neurons=False)
    case = Case.of(layer, chip(ON_WEIGHTS), Semantics(), models={"Weights": Measured(np.ones(8))})
    mapping = Mapping.from_text(case.plan.problem.dims, ["C=4 | | M=2", ""])
    with pytest.raises(InputError, match=r"Weights: found a tensor of shape \(8,\), expected"):
        case.cost(mapping)
