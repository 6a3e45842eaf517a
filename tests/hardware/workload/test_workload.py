from itertools import product
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from leanspike.errors import InputError
from leanspike.hardware.price import price
from leanspike.hardware.workload.layer import DIMENSIONS, Bits, Densities, Density, Layer
from leanspike.hardware.workload.problem import Problem
from leanspike.hardware.workload.workload import COLUMNS, OPTIONAL, Workload, workload_names

densities = st.tuples(
    st.floats(0, 1, allow_subnormal=False), st.floats(0, 1, allow_subnormal=False)
).map(lambda pair: Density(mean=min(pair), max=max(pair)))
small = st.integers(1, 5)
pairs = st.tuples(small, small)


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    groups = draw(st.integers(1, 3))
    bounds = {letter: draw(small) for letter in DIMENSIONS}
    bounds["C"] *= groups
    bounds["M"] *= groups
    return Layer(
        name=draw(st.text("abc01", min_size=1, max_size=3)),
        **bounds,
        stride=draw(pairs),
        dilation=draw(pairs),
        padding=draw(st.tuples(st.integers(0, 3), st.integers(0, 3))),
        groups=groups,
        neurons=draw(st.booleans()),
        bits=Bits(weights=draw(st.integers(1, 64)), state=draw(st.integers(1, 64))),
        density=Densities(weights=draw(densities), inputs=draw(densities)),
    )


@given(layers())
def test_volumes_and_accumulates_count_what_the_loops_touch(layer: Layer) -> None:
    touched: dict[str, set[tuple[int, ...]]] = {"Weights": set(), "Inputs": set(), "Outputs": set()}
    accumulates = 0
    bounds = layer.bounds
    ranges = [range(bounds[letter]) for letter in DIMENSIONS if letter not in "TN"]
    for c, m, p, q, r, s in product(*ranges):
        group = m // (layer.M // layer.groups)
        row = p * layer.stride[0] + r * layer.dilation[0]
        column = q * layer.stride[1] + s * layer.dilation[1]
        touched["Weights"].add((m, c, r, s))
        touched["Inputs"].add((group * bounds["C"] + c, row, column))
        touched["Outputs"].add((m, p, q))
        accumulates += 1
    steps = layer.T * layer.N
    assert layer.accumulates == accumulates * steps
    assert layer.volume("Weights") == len(touched["Weights"])
    assert layer.volume("Outputs") == len(touched["Outputs"]) * steps
    rows = {place[1] for place in touched["Inputs"]}
    columns = {place[2] for place in touched["Inputs"]}
    # The tensor holds rows and columns that a stride may jump over.
    assert layer.input_extent == (max(rows) + 1, max(columns) + 1)
    assert layer.volume("Inputs") >= len(touched["Inputs"]) * steps
    assert layer.neuron_updates == (len(touched["Outputs"]) * steps if layer.neurons else 0)


@given(st.lists(layers(), min_size=1, max_size=3, unique_by=lambda layer: layer.name))
def test_our_file_keeps_everything(tmp_path_factory, found: list[Layer]) -> None:
    path = tmp_path_factory.mktemp("workload") / "w.yaml"
    workload = Workload(name="w", source="a test", layers=tuple(found))
    workload.save(path)
    assert Workload.load(path) == workload


@given(
    st.lists(
        st.builds(
            lambda layer, **more: layer.replace(**more),
            layers(),
            name=st.text("xyz,", min_size=1, max_size=4),
            input_size=st.none() | pairs,
            upsampling=pairs,
            neuron_size=st.none() | pairs,
            operand=st.sampled_from(["parameters", "activations"]),
            bits=st.builds(Bits, **{name: st.integers(1, 64) for name in Bits.model_fields}),
            density=st.builds(Densities, weights=densities, inputs=densities, outputs=densities),
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda layer: layer.name,
    ),
    st.sampled_from([None, "mean", "max"]),
)
def test_csv_keeps_everything(tmp_path_factory, found, statistic) -> None:
    path = tmp_path_factory.mktemp("workload") / "w.csv"
    workload = Workload(name="w", layers=tuple(found))
    workload.to_csv(path, statistic)
    assert path.read_text().splitlines()[0].startswith(",".join(COLUMNS))
    assert Workload.load(path) == (workload.at(statistic) if statistic else workload)


def test_a_cnn_costs_the_same_after_csv(tmp_path: Path) -> None:
    layer = Layer(
        name="c", T=2, C=2, M=4, P=4, Q=4, R=3, S=3, padding=(1, 1), bits=Bits(inputs=8, weights=4),
        density=Densities(inputs=Density(mean=0.2, max=0.5)), neurons=False,
    )  # fmt: skip
    workload = Workload(name="w", layers=(layer,))
    workload.to_csv(tmp_path / "w.csv")
    before, after = (
        price(which, "output_stationary").energy_pj
        for which in (workload, Workload.load(tmp_path / "w.csv"))
    )
    assert before == after


def test_published_rows_are_the_papers() -> None:
    workload = Workload.load("published")
    rows = {layer.name: [layer.bounds[x] for x in "TCMPQRS"] for layer in workload.layers}
    assert rows == {
        "Conv1": [20, 2, 128, 128, 128, 3, 3],
        "Conv2": [20, 128, 128, 64, 64, 3, 3],
        "Conv3": [20, 128, 128, 32, 32, 3, 3],
        "Conv4": [20, 128, 128, 16, 16, 3, 3],
        "TCJA11": [20, 20, 20, 1, 256, 1, 4],
        "TCJA12": [128, 128, 20, 1, 256, 1, 4],
        "Conv5": [20, 128, 128, 8, 8, 3, 3],
        "TCJA21": [20, 20, 20, 1, 64, 1, 4],
        "TCJA22": [128, 128, 20, 1, 64, 1, 4],
        "Dense1": [20, 2048, 512, 1, 1, 1, 1],
        "Dense2": [20, 512, 110, 1, 1, 1, 1],
    }
    assert "published" in workload_names()
    assert {layer.stride for layer in workload.layers} == {(1, 1)}


def test_statistic_and_weight_bits_are_chosen_for_every_layer() -> None:
    layer = Layer(name="a", C=2, M=2, density=Densities(inputs=Density(mean=0.1, max=0.4)))
    workload = Workload(layers=(layer,))
    at_most = workload.at("max").with_weight_bits(3).layers[0]
    assert at_most.density_of("Inputs", "mean") == at_most.density_of("Inputs", "max") == 0.4
    assert at_most.bits_of("Weights") == 3
    assert at_most.density_of("State") == 1.0


ROW = "c1,0.5,0.1,0.2,20,2,8,32,32,3,3,1,1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "w.csv: has no layer"),
        (",".join(COLUMNS), "w.csv: has no layer"),
        (f"{','.join(COLUMNS[:-1])}\n{ROW}", "w.csv, row 1: the column 'WS' is missing"),
        (f"{','.join(COLUMNS)},extra\n{ROW},1", "w.csv, row 1: unknown column 'extra'"),
        (f"{','.join(COLUMNS)},T\n{ROW},1", "w.csv, row 1: the column 'T' twice"),
        ("H" + ROW.replace("0.5", "1.2"), "w.csv, row 2, weights: density 1.2 is not between"),
        ("H" + ROW.replace("0.1", "nan"), "w.csv, row 2, inputs: density nan is not between"),
        ("H" + ROW.replace("0.2", "-0.1"), "w.csv, row 2, outputs: density -0.1 is not between"),
        ("H" + ROW.replace("0.2", "a"), "w.csv, row 2, outputs: found 'a', expected a density"),
        ("H" + ROW.replace("20", "0"), "w.csv, row 2, T: found 0, expected 1 or more"),
        ("H" + ROW.replace("20", "2.5"), "w.csv, row 2, T: found '2.5', expected a whole"),
        ("H" + ROW + ",1", "w.csv, row 2: 14 cells, expected 13"),
        ("H" + ROW[2:], "w.csv, row 2, name: a layer needs a name"),
        (
            f"{','.join(COLUMNS)},padding_rows\n{ROW},1",
            "w.csv, row 2: give both padding_rows and padding_columns",
        ),
        (f"{','.join(COLUMNS)},weights_bits\n{ROW},99", "w.csv, row 2, bits.weights: found 99"),
        (f"{','.join(COLUMNS)},neurons\n{ROW},no", "w.csv, row 2, neurons: found 'no'"),
        (f"{','.join(COLUMNS)},inputs_max\n{ROW},0.05", "row 2, density.inputs: the mean 0.1"),
        (f"H{ROW}\n{ROW}", "w.csv, layers: two layers are called 'c1'"),
    ],
)
def test_bad_csv_is_named_by_row_and_column(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "w.csv"
    path.write_text(text.replace("H", ",".join(COLUMNS) + "\n", 1) if text[:1] == "H" else text)
    with pytest.raises(InputError) as caught:
        Workload.load(path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": []}, "w.yaml, layers: "),
        ({"layer": []}, "w.yaml, layer: unknown key"),
        ({"layers": [{"name": "a", "C": 0, "M": 1}]}, "w.yaml, layers[0].C: found 0"),
        ({"layers": [{"name": "a", "C": 1}]}, "w.yaml, layers[0].M: missing"),
        (
            {"layers": [{"name": "a", "C": 1, "M": 1, "density": {"inputs": 1.2}}]},
            "w.yaml, layers[0].density.inputs.mean: found 1.2",
        ),
        (
            {"layers": [{"name": "a", "C": 1, "M": 1, "density": {"inputs": float("nan")}}]},
            "layers[0].density.inputs.mean: found nan",
        ),
        (
            {"layers": [{"name": "a", "C": 1, "M": 1, "bits": {"weights": 0}}]},
            "layers[0].bits.weights: found 0",
        ),
        ({"layers": [{"name": "a", "C": 3, "M": 2, "groups": 3}]}, "3 groups do not divide M = 2"),
        (
            {
                "layers": [
                    {"name": "a", "C": 1, "M": 1, "density": {"inputs": {"mean": 0.3, "max": 0.2}}}
                ]
            },
            "the mean 0.3 is larger than the maximum 0.2",
        ),
    ],
)
def test_bad_yaml_is_named_by_key(tmp_path: Path, change: dict, message: str) -> None:
    path = tmp_path / "w.yaml"
    path.write_text(yaml.safe_dump(change))
    with pytest.raises(InputError) as caught:
        Workload.load(path)
    assert message in str(caught.value)


def test_csv_of_plain_layers_has_the_studys_columns_alone(tmp_path: Path) -> None:
    (tmp_path / "w.csv").write_text(f"{','.join(COLUMNS)}\n{ROW}\n{ROW.replace('c1', 'c2')}\n")
    Workload.load(tmp_path / "w.csv").to_csv(tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_text() == (tmp_path / "w.csv").read_text()


def test_csv_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "w.csv"
    header = f"{','.join(COLUMNS)},padding_rows,padding_columns,weights_bits,neurons,inputs_max"
    path.write_text(f"{header}\n{ROW},1,0,2,false,0.4\n{ROW.replace('c1', 'c2')},,,,,\n")
    first, second = Workload.load(path).layers
    assert (first.padding, first.bits.weights, first.neurons) == ((1, 0), 2, False)
    assert first.density.inputs == Density(mean=0.1, max=0.4)
    bare = tmp_path / "bare.csv"
    bare.write_text(f"{','.join(COLUMNS)}\n{ROW.replace('c1', 'c2')}\n")
    assert Workload.load(bare).layers == (second,)


def test_csv_refuses_what_it_has_no_column_for(tmp_path: Path) -> None:
    layer = Layer(name=" a", C=2, M=2)  # spaces around cells are not kept
    with pytest.raises(InputError, match="name of layer ' a' cannot be written"):
        Workload(layers=(layer,)).to_csv(tmp_path / "w.csv")
    assert not (tmp_path / "w.csv").exists()


def test_every_field_of_a_layer_is_in_the_csv() -> None:
    """A new field needs a column: without one every layer that uses it is refused."""
    columns = {place[0] for place in OPTIONAL.values()} | {"name", "stride", "density", *"TCMPQRS"}
    assert columns == set(Layer.model_fields)


def test_unknown_names_and_missing_files_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"publishd: no such workload.*Bundled: .*published"):
        Workload.load("publishd")
    with pytest.raises(InputError, match=r"no\.yaml: cannot be read"):
        Workload.load(tmp_path / "no.yaml")
    with pytest.raises(InputError, match=r"no\.csv: cannot be read"):
        Workload.load(tmp_path / "no.csv")
    with pytest.raises(InputError, match="cannot write"):
        Workload.load("published").to_csv(tmp_path / "no" / "w.csv")


BIG = 1 << 30


@pytest.mark.parametrize(
    ("sizes", "found"),
    [
        ({"C": BIG, "M": BIG}, "accumulates"),
        ({"P": 1 << 20, "Q": 1 << 20, "stride": (1 << 15, 1 << 15)}, "values of Inputs"),
        ({"S": 2, "R": 2, "dilation": (BIG, BIG), "T": 4}, "values of Inputs"),
        ({"M": 1 << 10, "neuron_size": (BIG, BIG)}, "neuron updates"),
    ],
)
def test_sizes_beyond_64_bits_are_refused(sizes, found) -> None:
    with pytest.raises(InputError, match=rf"bounds: found \S+ {found}, expected fewer"):
        Layer(**{"name": "l", "C": 1, "M": 1, **sizes})


def test_traffic_beyond_64_bits_is_refused() -> None:
    """Volumes fit, but whole inputs with wide gaps may be fetched at every step."""
    layer = Layer(name="l", C=1, M=1 << 20, P=1 << 10, Q=1 << 10, stride=(1 << 15, 1 << 15))
    assert layer.volume("Inputs") < 1 << 60
    with pytest.raises(InputError, match=r"bounds: found bounds and strides that may move"):
        Problem.of(layer)
