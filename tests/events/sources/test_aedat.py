from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from aedat_bytes import HEADER, one_event, packet
from hypothesis import given, settings
from hypothesis import strategies as st

from leanspike.errors import InputError
from leanspike.events.sources.aedat import read_aedat


def write(folder: Path, content: bytes) -> Path:
    path = folder / "user01_led.aedat"
    path.write_bytes(content)
    return path


def drawn(generator: np.random.Generator, count: int) -> tuple[np.ndarray, ...]:
    return (
        np.sort(generator.integers(0, 2**31, count)),
        generator.integers(0, 2**13, count),
        generator.integers(0, 2**13, count),
        generator.integers(0, 2, count),
    )


@settings(max_examples=30, deadline=None)
@given(
    counts=st.lists(st.integers(0, 40), max_size=6),
    spare=st.integers(0, 3),
    ending=st.sampled_from([b"\r\n", b"\n"]),
    seed=st.integers(0, 99),
)
def test_reads_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    counts: list[int],
    spare: int,
    ending: bytes,
    seed: int,
) -> None:
    generator = np.random.default_rng(seed)
    columns = drawn(generator, sum(counts))
    valid = generator.integers(0, 2, sum(counts))
    edges = np.cumsum([0, *counts])
    content = HEADER.replace(b"\r\n", ending)
    for a, b in pairwise(edges):
        part = [column[a:b] for column in columns]
        content += packet(*part, valid=valid[a:b], spare=spare)
        content += packet(*part[:4], kind=2)  # another type of event, to be passed over
    events = read_aedat(write(tmp_path_factory.mktemp("aedat"), content))
    for found, expected in zip(events, columns, strict=True):
        np.testing.assert_array_equal(found, expected[valid == 1])


def test_overflowed_time_stamps_go_on(tmp_path: Path) -> None:
    content = HEADER + one_event(2**31 - 1) + one_event(0, overflow=1) + one_event(7, overflow=3)
    assert read_aedat(write(tmp_path, content)).t.tolist() == [2**31 - 1, 2**31, 3 * 2**31 + 7]


def test_no_packets_are_no_events(tmp_path: Path) -> None:
    assert len(read_aedat(write(tmp_path, HEADER)).t) == 0


WHOLE = HEADER + one_event(10) + one_event(20)


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 8, 9, 27, 30, 35])
def test_a_truncated_file_is_refused(tmp_path: Path, cut: int) -> None:
    with pytest.raises(InputError, match=r"byte \d+: .*cut short.* truncated"):
        read_aedat(write(tmp_path, WHOLE[:-cut]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"#!AER-DAT2.0\r\n# old\r\n", r"'#!AER-DAT2.0', expected '#!AER-DAT3.1'"),
        (b"\x93NUMPY\x01\x00", "expected '#!AER-DAT3.1'"),
        (b"#!AER-DAT3.1\r\n#Format: RAW\r\n", "no line '#!END-HEADER'"),
        (b"#!AER-DAT3.1\r\n" + one_event(1), "no line '#!END-HEADER'"),
        (HEADER + one_event(1)[:28], f"byte {len(HEADER)}: the last packet is cut short"),
        (HEADER + packet(*np.ones((4, 3), int), order=">"), "big-endian"),
        (HEADER + bytes(28), "no packet header"),
        (HEADER + one_event(1) + b"\x05" * 36, f"byte {len(HEADER) + 36}: .*no packet header"),
        (HEADER + one_event(-5), "a time stamp is negative"),
        (HEADER + one_event(2**31 - 1) + one_event(0), "time goes back"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_aedat(write(tmp_path, content))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.aedat: cannot read: No such file"):
        read_aedat(tmp_path / "none.aedat")


@pytest.mark.peer
def test_tonic_agrees_on_a_sound_file_and_misses_the_faults(tmp_path: Path) -> None:
    tonic_io = pytest.importorskip("tonic.io")
    columns = drawn(np.random.default_rng(1), 500)
    sound = HEADER + packet(*columns)

    def theirs(content: bytes) -> np.ndarray:
        return tonic_io.get_aer_events_from_file(str(write(tmp_path, content)), 3.1, len(HEADER))

    found = theirs(sound)
    np.testing.assert_array_equal(found["timeStamp"], columns[0])
    np.testing.assert_array_equal(found["address"] >> 17, columns[1])
    # Why tonic's reader is not the one used here.
    with pytest.raises(ValueError, match="too many values to unpack"):
        tonic_io.read_dvs_ibm(str(write(tmp_path, sound)))
    assert theirs(HEADER + one_event(5, overflow=1))["timeStamp"].tolist() == [5]
    assert len(theirs(sound[:-8])) == 499


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore")
def test_spikingjelly_agrees_on_a_sound_file_and_misses_the_faults(tmp_path: Path) -> None:
    peer = pytest.importorskip("spikingjelly.datasets.utils")
    columns = drawn(np.random.default_rng(2), 500)
    path = write(tmp_path, HEADER + packet(*columns) + one_event(9, overflow=2))
    found, events = peer.load_aedat_v3(path), read_aedat(path)
    for name, values in zip("txyp", events, strict=True):
        np.testing.assert_array_equal(found[name], values)
    # Why SpikingJelly's reader is not the one used here.
    invalid = packet(*columns, valid=np.zeros(500, int))
    assert len(peer.load_aedat_v3(write(tmp_path, HEADER + invalid))["t"]) == 500
    cut = HEADER + packet(*columns)[:-8]
    assert len(peer.load_aedat_v3(write(tmp_path, cut))["t"]) == 499
