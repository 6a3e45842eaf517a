from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from leanspike.errors import InputError
from leanspike.hardware.plots import (
    RooflinePoint,
    energy_figure,
    fills,
    mapspace_figure,
    roofline_figure,
)


def saved(figure: Figure, path: Path) -> int:
    figure.savefig(path, dpi=80)
    return path.stat().st_size


def test_bars_are_as_high_as_their_energies(tmp_path: Path) -> None:
    bars = {"a": {"DRAM": 2e6, "MAC": 1e6}, "b": {"DRAM": 5e6, "glb": 3e6}}
    figure = energy_figure(bars, title="energy")
    axes = figure.axes[0]
    tops = {}
    for container in axes.containers:
        for name, patch in zip(bars, container, strict=True):
            tops[name] = max(tops.get(name, 0.0), patch.get_y() + patch.get_height())
    assert tops == pytest.approx({"a": 3.0, "b": 8.0})  # in µJ
    assert axes.get_ylabel() == "energy (µJ)"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["glb", "MAC", "DRAM"]
    assert saved(figure, tmp_path / "energy.png") > 1000


def test_a_layer_sits_at_its_intensity_and_speed(tmp_path: Path) -> None:
    points = [RooflinePoint("Conv1", 1e6, 1e5, 2e4), RooflinePoint("Dense", 1e3, 1e4, 1e3)]
    figure = roofline_figure(points, peak=768, bandwidth={"DRAM": 64}, title="roofline")
    places = figure.axes[0].collections[0].get_offsets()
    assert np.asarray(places).tolist() == [[10, 50], [0.1, 1]]
    assert saved(figure, tmp_path / "roofline.png") > 1000


def test_the_optimum_is_the_lowest_product(tmp_path: Path) -> None:
    energy, cycles = np.array([4.0, 2.0, 1.0]), np.array([1.0, 1.0, 9.0])
    figure = mapspace_figure(energy * 1e6, cycles)
    star = np.asarray(figure.axes[0].collections[1].get_offsets())
    assert star.tolist() == [[1.0, 2.0]]
    assert saved(figure, tmp_path / "mapspace.png") > 1000


def test_many_parts_stay_distinct() -> None:
    names = [str(i) for i in range(20)]
    assert len(set(fills(names).values())) == 20


def test_what_cannot_be_drawn_is_said() -> None:
    with pytest.raises(InputError, match="no bars"):
        energy_figure({})
    with pytest.raises(InputError, match="a, DRAM: found nan pJ"):
        energy_figure({"a": {"DRAM": float("nan")}})
    with pytest.raises(InputError, match="no points"):
        roofline_figure([], peak=1, bandwidth={})
    with pytest.raises(InputError, match="must be positive"):
        roofline_figure([RooflinePoint("a", 1, 0, 1)], peak=1, bandwidth={"DRAM": 1})
    with pytest.raises(InputError, match="peak 0"):
        roofline_figure([RooflinePoint("a", 1, 1, 1)], peak=0, bandwidth={"DRAM": 1})
    with pytest.raises(InputError, match="of shape"):
        mapspace_figure([], [])
    with pytest.raises(InputError, match="positive numbers"):
        mapspace_figure([1.0, -1.0], [1.0, 1.0])
