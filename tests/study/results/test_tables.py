import csv

import pytest

from leanspike.errors import InputError
from leanspike.study.results.tables import flat_rows, layer_rows, write_rows


def test_a_row_per_point_and_reading(results):
    rows = flat_rows(results())
    assert [row["statistic"] for row in rows] == ["mean", "max"]
    assert rows[0]["accuracy"] == 0.75
    assert rows[0]["stored_bits"] == 200


def test_a_row_per_point_reading_and_layer(results):
    rows = layer_rows(results())
    assert [(row["layer"], row["statistic"]) for row in rows] == [
        ("conv1", "mean"),
        ("conv1", "max"),
    ]
    one = rows[0]
    assert (one["weights"], one["bits"], one["weight_zeros"]) == (100, 2, 0.5)
    assert (one["inputs_mean"], one["outputs_max"]) == (0.1, 0.3)
    assert (one["energy_pj"], one["cycles"], one["computes"]) == (4.0, 10, 5)


def test_csv_gives_the_numbers_back(results, tmp_path):
    rows = flat_rows(results())
    write_rows(rows, tmp_path / "points.csv")
    with (tmp_path / "points.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [float(row["energy_pj"]) for row in read] == [4.0, 4.0]
    assert list(read[0]) == list(rows[0])


def test_parquet_gives_the_rows_back(results, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = flat_rows(results())
    write_rows(rows, tmp_path / "points.parquet")
    assert parquet.read_table(tmp_path / "points.parquet").to_pylist() == rows


def test_what_cannot_be_written_is_said(results, tmp_path):
    with pytest.raises(InputError, match=r"points\.txt.*\.csv or \.parquet"):
        write_rows(flat_rows(results()), tmp_path / "points.txt")
    with pytest.raises(InputError, match="nothing to write"):
        write_rows([], tmp_path / "points.csv")
    assert not list(tmp_path.iterdir())


def test_a_cost_without_its_layer_is_named(results):
    made = results()
    cost = made.points[0].costs[0]
    object.__setattr__(cost.layers[0], "name", "other")
    with pytest.raises(InputError, match=r"point quantize-2b-s0: layer 'conv1' has weights, but"):
        layer_rows(made)
