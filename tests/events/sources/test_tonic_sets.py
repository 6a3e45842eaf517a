from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from recorded import random_recordings

from leanspike.errors import InputError
from leanspike.events import FrameConfig, load_data, read_archive
from leanspike.events.sources.tonic_sets import data_folder, join_structured, tonic_archives

datasets = pytest.importorskip("tonic.datasets")


def atis_bytes(t: np.ndarray, x: np.ndarray, y: np.ndarray, p: np.ndarray) -> bytes:
    """N-MNIST's file format (Orchard et al. 2015): x, y, then polarity and 23 bits of time."""
    rows = np.stack([x, y, (p << 7) | (t >> 16), (t >> 8) & 255, t & 255], axis=1)
    return rows.astype(np.uint8).tobytes()


@pytest.fixture
def nmnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An N-MNIST folder with few recordings, as tonic leaves it after extraction."""
    generator = np.random.default_rng(0)
    for part in ("Train", "Test"):
        for label in range(10):
            folder = tmp_path / "NMNIST" / part / str(label)
            folder.mkdir(parents=True)
            for i in range(4):
                n = 50 + label
                t = np.sort(generator.integers(0, 300_000, n))
                x, y, p = (generator.integers(0, k, n) for k in (34, 34, 2))
                (folder / f"{i:05d}.bin").write_bytes(atis_bytes(t, x, y, p))
    # tonic wants 10,000 files and the archive beside them; the test has neither.
    monkeypatch.setattr(datasets.NMNIST, "_check_exists", lambda self: True)
    return tmp_path


def test_nmnist_is_converted_once(nmnist: Path) -> None:
    data = load_data("nmnist", frames=FrameConfig(T=4), root=nmnist)
    assert data.name == "nmnist"
    assert (data.shape, data.classes) == ((2, 34, 34), 10)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [30, 10, 40]
    np.testing.assert_array_equal(np.sort(data.test.labels), np.repeat(np.arange(10), 4))
    np.testing.assert_array_equal(data.test.frames.sum((1, 2, 3, 4)), 50 + data.test.labels)
    r = read_archive(nmnist / "nmnist" / "test.npz")
    first = (nmnist / "NMNIST" / "Test" / "0" / "00000.bin").read_bytes()
    events = np.frombuffer(first, np.uint8).reshape(-1, 5).astype(int)
    np.testing.assert_array_equal(r.x[: r.offsets[1]], events[:, 0])
    np.testing.assert_array_equal(r.p[: r.offsets[1]], events[:, 2] >> 7)
    assert r.tick_us == 1
    # The original is not needed again.
    for path in (nmnist / "NMNIST").rglob("*.bin"):
        path.unlink()
    assert load_data("nmnist", frames=FrameConfig(T=4), root=nmnist).fingerprint == data.fingerprint


def test_failed_download_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(self: object) -> None:
        raise OSError("network is unreachable")

    monkeypatch.setattr(datasets.NMNIST, "download", offline)
    with pytest.raises(InputError, match=r"could not fetch nmnist: network is unreachable"):
        tonic_archives("nmnist", root=tmp_path, download=True)


def test_joined_events_are_sorted_and_start_at_zero() -> None:
    events = np.zeros(3, [("x", int), ("y", int), ("t", int), ("p", bool)])
    events["t"] = [9000, 5000, 7000]
    events["x"] = [1, 2, 3]
    events["p"] = [True, False, True]
    r = join_structured(
        [(events, 2), (events[:0], 0)],
        width=8, height=8, classes=3, tick_us=1000, source="made",
    )  # fmt: skip
    np.testing.assert_array_equal(r.t, [0, 2, 4])
    np.testing.assert_array_equal(r.x, [2, 3, 1])
    np.testing.assert_array_equal(r.p, [0, 1, 1])
    np.testing.assert_array_equal(r.counts, [3, 0])
    with pytest.raises(InputError, match="made: no recordings"):
        join_structured([], width=8, height=8, classes=3, tick_us=1, source="made")


def test_taking_recordings_equals_slicing_them() -> None:
    r = random_recordings([3, 0, 5, 8])
    taken = r.take(np.array([3, 1, 0]))
    np.testing.assert_array_equal(taken.counts, [8, 0, 3])
    np.testing.assert_array_equal(taken.t, np.concatenate([r.t[8:], r.t[:3]]))
    np.testing.assert_array_equal(taken.labels, r.labels[[3, 1, 0]])


def test_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert data_folder() == tmp_path / "leanspike"
