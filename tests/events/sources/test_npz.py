from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from recorded import random_recordings

from leanspike.errors import InputError
from leanspike.events import FrameConfig, make_frames, read_archive, write_archive
from leanspike.events.sources.npz import alternate_polarity


def arrays() -> dict[str, np.ndarray]:
    return {
        "t_ms": np.array([0, 1, 2, 0, 5], np.uint16),
        "x": np.array([0, 1, 2, 3, 33], np.uint8),
        "y": np.array([0, 1, 2, 3, 33], np.uint8),
        "p": np.array([0, 1, 0, 1, 0], np.uint8),
        "offsets": np.array([0, 3, 5], np.int64),
        "label": np.array([0, 4], np.uint8),
    }


def save(path: Path, **changes: object) -> Path:
    content = {**arrays(), **changes}
    np.savez(path, **{k: v for k, v in content.items() if v is not None})  # type: ignore[arg-type]
    return path


def test_layout_of_the_notes_is_read(tmp_path: Path) -> None:
    r = read_archive(save(tmp_path / "a.npz"))
    assert (r.width, r.height, r.classes, r.tick_us) == (34, 34, 5, 1000)
    np.testing.assert_array_equal(r.labels, [0, 4])
    np.testing.assert_array_equal(r.counts, [3, 2])
    r = read_archive(save(tmp_path / "b.npz", t_ms=None, t_us=arrays()["t_ms"]))
    assert r.tick_us == 1


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    written = random_recordings([5, 0, 40])
    write_archive(tmp_path / "new" / "a.npz", written)
    read = read_archive(tmp_path / "new" / "a.npz")
    for name in ("t", "x", "y", "p", "offsets", "labels"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))
    for name in ("width", "height", "classes", "tick_us"):
        assert getattr(read, name) == getattr(written, name)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.npz"]


def test_absent_polarity_alternates_at_each_pixel_of_each_recording(tmp_path: Path) -> None:
    x = np.array([0, 0, 1, 0, 0, 1], np.uint8)
    y = np.array([0, 0, 1, 0, 0, 1], np.uint8)
    offsets = np.array([0, 4, 6])
    p = alternate_polarity(x, y, offsets, width=34, height=34)
    np.testing.assert_array_equal(p, [1, 0, 1, 1, 1, 1])
    t = np.array([0, 1, 2, 3, 0, 1], np.uint16)
    r = read_archive(save(tmp_path / "a.npz", t_ms=t, x=x, y=y, p=None, offsets=offsets))
    np.testing.assert_array_equal(r.p, p)


def test_sensor_is_the_smallest_known_that_holds_all_or_as_given(tmp_path: Path) -> None:
    for right, size in ((33, (34, 34)), (34, (64, 64)), (127, (128, 128)), (200, (240, 180))):
        r = read_archive(save(tmp_path / "a.npz", x=np.array([0, 0, 0, 0, right], np.uint16)))
        assert (r.width, r.height) == size
    r = read_archive(save(tmp_path / "a.npz", sensor=np.array([50, 40])))
    assert (r.width, r.height) == (50, 40)


BROKEN = {
    "no time": ({"t_ms": None}, r"no array t_us \(or t_ms\)"),
    "no label": ({"label": None}, "no array label"),
    "short x": ({"x": np.zeros(4, np.uint8)}, "x has 4 values but there are 5 events"),
    "offsets end early": ({"offsets": np.array([0, 3, 4])}, "offsets run from 0 to 4"),
    "offsets begin late": ({"offsets": np.array([1, 3, 5])}, "offsets run from 1 to 5"),
    "offsets past the end": ({"offsets": np.array([0, 3, 9])}, "offsets run from 0 to 9"),
    "offsets decrease": (
        {"offsets": np.array([0, 4, 2, 5]), "label": np.zeros(3, np.uint8)},
        r"recording 1: offsets decrease from 4 to 2",
    ),
    "too few offsets": ({"offsets": np.array([0, 5])}, "offsets has 2 values, expected 3"),
    "no offsets": ({"offsets": np.zeros(0, np.int64)}, "offsets has 0 values, expected 3"),
    "polarity 2": ({"p": np.array([0, 1, 2, 0, 0], np.uint8)}, "recording 0: event 2 has p = 2"),
    "time runs back": (
        {"t_ms": np.array([0, 1, 2, 6, 5], np.uint16)},
        r"recording 1: event 4 is earlier \(t = 5\)",
    ),
    "negative label": ({"label": np.array([0, -1])}, "recording 1: label -1 is out of range"),
    "label past classes": ({"classes": np.array(4)}, "recording 1: label 4 is out of range"),
    "float x": ({"x": np.zeros(5)}, "x: 1-dimensional float64"),
    "negative x": ({"x": np.full(5, -1)}, "x: 1-dimensional int64, expected one row of integers"),
    "square label": ({"label": np.zeros((2, 2), int)}, "label: 2-dimensional"),
    "x outside the sensor": (
        {"sensor": np.array([20, 40])},
        "recording 1: event 4 has x = 33, expected 0 to 19",
    ),
    "sensor of three": ({"sensor": np.array([1, 2, 3])}, "is not width and height"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_arrays_that_do_not_fit_are_named(case: str, tmp_path: Path) -> None:
    changes, message = BROKEN[case]
    path = save(tmp_path / "broken.npz", **changes)
    with pytest.raises(InputError, match=message) as caught:
        read_archive(path)
    assert "broken.npz" in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone.npz: no such file"):
        read_archive(tmp_path / "gone.npz")


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.95, -1])
def test_truncated_file(keep: float, tmp_path: Path) -> None:
    path = tmp_path / "cut.npz"
    write_archive(path, random_recordings([500, 700]))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole))] if isinstance(keep, float) else whole[:keep])
    with pytest.raises(InputError, match=r"cut.npz: not a readable npz archive.*truncated"):
        read_archive(path)


def test_flipped_byte_is_found(tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    write_archive(path, random_recordings([500, 700]))
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match=r"bad\.npz"):
        read_archive(path)


def test_pickles_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", label=np.array([0, "x"], object))
    with pytest.raises(InputError, match=r"label.npy: holds Python objects"):
        read_archive(path)
    np.save(tmp_path / "b.npy", np.zeros(3))
    with pytest.raises(InputError, match="one array, not an npz archive"):
        read_archive(tmp_path / "b.npy")


def test_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot write"):
        write_archive(tmp_path / "file" / "a.npz", random_recordings([1]))


# What a file without polarity may hold: each of these made the compiled rule write outside its
# arrays, or would have.
HOSTILE = {
    "x beyond the sensor": {"x": np.full(5, 1 << 30, np.uint32), "sensor": np.array([34, 34])},
    "y whose product wraps": {"y": np.full(5, 2**64 - 1, np.uint64)},
    "x beyond any sensor": {"x": np.full(5, 1 << 20, np.uint32)},
    "one pixel, whole sensor": {"sensor": np.array([1, 1])},
    "offsets beyond the events": {"offsets": np.array([0, 3, 1 << 40])},
    "offsets below 0": {"offsets": np.array([0, -(1 << 40), 5]), "label": np.zeros(2, int)},
    "offsets whose difference wraps": {
        "offsets": np.array([0, 2**63 - 1, -2, 5]), "label": np.zeros(3, int)
    },
    "unsigned offsets": {"offsets": np.array([0, 2**64 - 1, 5], np.uint64)},
    "y shorter than x": {"y": np.zeros(1, np.uint8)},
    "t shorter than x": {"t_ms": np.zeros(1, np.uint8)},
    "no offsets": {"offsets": np.zeros(0, np.int64), "label": np.zeros(0, np.int64)},
    "a thousand million classes": {"classes": np.array(10**9)},
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_arrays_reach_no_compiled_rule(case: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"hostile\.npz"):
        read_archive(save(tmp_path / "hostile.npz", p=None, **HOSTILE[case]))


@pytest.mark.parametrize("bad", [[0, 9], [0, -1], [1, 0]])
def test_polarity_is_made_for_sound_events_alone(bad: list[int]) -> None:
    with pytest.raises(InputError, match="alternate_polarity"):
        alternate_polarity(np.array(bad), np.array(bad[::-1]), np.array([0, 2]), width=1, height=9)


def test_only_needed_arrays_are_unpacked(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", thumbnails=np.zeros(1 << 20))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("notes.npy", b"no array at all")
    assert len(read_archive(path)) == 2


def test_a_size_that_is_declared_but_not_there(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", p=None)
    with zipfile.ZipFile(path, "a") as archive, archive.open("p.npy", "w") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (1 << 60,)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(InputError, match=r"p.npy: declares \[1152921504606846976\]"):
        read_archive(path)


def test_an_archive_that_grows_a_hundredfold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leanspike.events.sources.npz.UNSUSPECTED_BYTES", 1 << 20)
    path = save(tmp_path / "a.npz", x=None)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", bytes(1 << 24))
    with pytest.raises(InputError, match="bytes that unpack to 1677"):
        read_archive(path)


def test_frames_beyond_the_machine_are_refused(tmp_path: Path) -> None:
    recordings = read_archive(save(tmp_path / "a.npz", sensor=np.array([16384, 16384])))
    with pytest.raises(InputError, match="more memory than there is"):
        make_frames(recordings, FrameConfig(T=10_000))
