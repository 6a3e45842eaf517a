"""Small cases drawn at random: three levels, sparse or not, under every semantics.

Conditions are drawn for every level, several at a time, on any target and leaders.
"""

from __future__ import annotations

from hypothesis import strategies as st

from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.model.case import Case
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.layer import Layer

ENERGY = {"read": 1.5, "write": 2.0, "update": 2.5, "metadata_read": 0.3, "metadata_write": 0.4}
WORDS = [None, None, "weights", {"Weights": "weights", "Inputs": 5, "State": 9}, 7]


TARGETS = ("Weights", "Inputs", "Outputs")


@st.composite
def _conditions(draw: st.DrawFn) -> dict[str, list[dict[str, object]]]:
    """What a level skips and gates: none, one or several conditions."""
    found: dict[str, list[dict[str, object]]] = {"skips": [], "gates": []}
    for _ in range(draw(st.sampled_from([0, 0, 1, 2, 3]))):
        target = draw(st.sampled_from(TARGETS))
        leaders = [name for name in ("Weights", "Inputs") if name != target]
        some = leaders if draw(st.booleans()) else leaders[-1:]
        act = draw(st.sampled_from(["skips", "skips", "gates"]))
        found[act].append({"target": target, "when_empty": some})
    return found


@st.composite
def cases(draw: st.DrawFn) -> Case:
    convolution = draw(st.booleans())
    layer = Layer(
        name="layer",
        T=draw(st.sampled_from([1, 2])),
        C=draw(st.sampled_from([2, 4])),
        M=draw(st.sampled_from([2, 3])),
        P=4 if convolution else 1,
        R=3 if convolution else 1,
        padding=(1, 0) if convolution and draw(st.booleans()) else (0, 0),
        density={
            "weights": draw(st.sampled_from([0.0, 0.1, 0.4, 1.0])),
            "inputs": draw(st.sampled_from([0.05, 0.3, 1.0])),
        },
        neurons=draw(st.booleans()),
        neuron_size=draw(st.sampled_from([None, (2, 1), (3, 1)])) if convolution else None,
    )
    form = draw(st.sampled_from([None, "RLE", "UBM", "CP", "UOP"]))
    formats = {} if form is None else {"Inputs": [form], "Weights": [form]}
    everything = ["Weights", "Inputs", "Outputs"]
    kept = draw(st.sampled_from([everything, ["Inputs", "Outputs"], ["Weights", "Outputs"]]))
    inside = draw(st.sampled_from([everything, ["Outputs"]]))
    conditions = [draw(_conditions()) for _ in range(3)]
    chip = Architecture(
        name="chip",
        levels=[
            {
                "name": "memory", "keeps": everything, "width": 32, "formats": formats,
                "word_bits": draw(st.sampled_from(WORDS)),
                "energy": {
                    **{key: 40 * value for key, value in ENERGY.items()},
                    "wire": draw(st.sampled_from([0.0, 3.0])),
                },
                "time": {"dims": ["T", "C", "M", "P"]},
                "bandwidth": {"read": draw(st.sampled_from([None, 0.5]))},
                **conditions[0],
            },
            {
                "name": "buffer", "keeps": kept, "width": 16,
                "depth": draw(st.sampled_from([4, 12, 40])),
                "word_bits": draw(st.sampled_from(WORDS)),
                "metadata": draw(
                    st.sampled_from(["free", {"width": 8, "depth": 16}, {"width": 8, "depth": 64}])
                ),
                "formats": {name: form for name, form in formats.items() if name in kept},
                "energy": ENERGY, "fanout": {"y": 2, "x": draw(st.sampled_from([1, 2]))},
                "time": {"outer": draw(st.sampled_from([[], ["T"], ["M", "C"]]))},
                "bandwidth": draw(st.sampled_from([{}, {"write": 0.3}, {"shared": 1.0}])),
                "y": {"dims": ["M", "C"]}, "x": {"dims": ["C"]},
                **conditions[1],
            },
            {
                "name": "cell", "keeps": inside,
                "width": 16, "depth": draw(st.sampled_from([6, 24])), "energy": ENERGY,
                "time": {"dims": ["R", "P", "M"], "factors": {"R": 0}},
                "bandwidth": {"read": draw(st.sampled_from([None, 1.0]))},
                **conditions[2],
            },
        ],
        compute={"energy": {"compute": 0.7}, "skips": draw(st.booleans()), "gates": False},
        neuron={"state": draw(st.sampled_from([["buffer"], ["memory", "buffer"]])), "energy": 0.5},
    )  # fmt: skip
    semantics = Semantics.preset(
        draw(st.sampled_from(["physical", "physical", "sparseloop", "timeloop2022"]))
    )
    if draw(st.booleans()):
        semantics = semantics.flipped("innermost_offsets")
    return Case.of(layer, chip, semantics)
