from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

from leanspike.errors import InputError
from leanspike.events import DataReading, FrameConfig, collect, keep_frames, load_data, make_frames
from leanspike.events.sources.tonic_sets import join_structured

LABELS = np.arange(24) % 3


def spikes(*shape: int) -> np.ndarray:
    return (np.random.default_rng(0).random((24, *shape)) < 0.3).astype(np.float32)


def whole(data) -> np.ndarray:
    """All recordings in the order of their content, so that splits do not matter."""
    frames = np.concatenate([split.frames for split in (data.train, data.validation, data.test)])
    flat = frames.reshape(len(frames), -1)
    return flat[np.lexsort(flat.T)]


def test_datasets_loaders_and_arrays_give_the_same_frames() -> None:
    x = spikes(5, 7)
    tensors = TensorDataset(torch.from_numpy(x), torch.from_numpy(LABELS))

    def time_first(items):
        frames, labels = zip(*items, strict=True)
        return torch.stack(frames, 1), torch.stack(labels)

    wanted = collect((x, LABELS))
    for source in (
        tensors,
        DataLoader(tensors, batch_size=9),
        DataLoader(tensors, batch_size=9, collate_fn=time_first),
        [(x[:10], LABELS[:10]), (x[10:], LABELS[10:])],
    ):
        found = collect(source)
        np.testing.assert_array_equal(whole(found), whole(wanted))
        assert found.fingerprint == wanted.fingerprint
    assert wanted.train.frames.dtype == np.uint8
    assert (wanted.T, wanted.shape) == (5, (7,))


def test_recordings_that_are_shorter_go_on_without_input() -> None:
    class Uneven(Dataset):
        def __len__(self) -> int:
            return 24

        def __getitem__(self, i: int):
            return torch.ones(2 + i % 3, 4), int(LABELS[i])

    data = collect(Uneven())
    assert data.T == 4
    assert {int(s.sum()) for s in data.train.frames} == {8, 12, 16}
    assert not data.train.frames[data.train.labels == 0][:, 2:].any()


def test_static_images_by_direct_and_by_rate_coding(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((24, 1, 4, 4)).astype(np.float32)
    direct = collect((x, LABELS), reading=DataReading(T=6))
    assert direct.train.frames.shape[1:] == (6, 1, 4, 4)
    assert (direct.train.frames == direct.train.frames[:, :1]).all()
    kept = load_data(keep_frames(direct, tmp_path), frames=FrameConfig())
    assert kept.fingerprint == direct.fingerprint
    np.testing.assert_array_equal(kept.train.frames, direct.train.frames)
    images = sum(file.stat().st_size for file in tmp_path.rglob("*.npy"))
    assert images < 24 * 16 * 4 * 2 + 2000  # once, not six times
    half = np.full((24, 1, 16, 16), 0.25, np.float32)
    rate = collect((half, LABELS), reading=DataReading(T=50, coding="rate"))
    assert set(np.unique(rate.train.frames)) == {0, 1}
    assert rate.train.frames.mean() == pytest.approx(0.25, abs=0.01)


def test_events_become_frames_as_recordings_do() -> None:
    generator = np.random.default_rng(0)
    items = []
    for label in LABELS:
        events = np.zeros(30, [("t", int), ("x", int), ("p", int)])
        events["t"] = np.sort(generator.integers(0, 1000, 30))
        events["x"] = generator.integers(0, 9, 30)
        items.append((events, int(label)))
    data = collect(items, reading=DataReading(T=4))
    assert data.shape == (9,)
    recordings = join_structured(items, width=9, height=1, classes=3, tick_us=1, source="made")
    frames = make_frames(recordings, FrameConfig(T=4)).sum(2)[:, :, 0].reshape(24, -1)
    np.testing.assert_array_equal(whole(data), frames[np.lexsort(frames.T)])


def test_an_archive_of_x_and_y(tmp_path: Path) -> None:
    x = spikes(5, 7)
    np.savez(tmp_path / "mine.npz", x=x, y=LABELS)
    data = load_data(tmp_path / "mine.npz", frames=FrameConfig())
    np.testing.assert_array_equal(whole(data), whole(collect((x, LABELS))))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([torch.zeros(4, 5, 3)], r"it yields one \(Tensor\), expected pairs \(x, y\)"),
        ([(np.zeros((0, 5, 3)), np.zeros(0, int))], r"a batch of shape \[0, 5, 3\] is empty"),
        ([(np.zeros((4, 5, 3)), np.array([0, 1, 2, -1]))], "recording 3: label -1 is out of range"),
        ([(np.zeros((4, 5, 3)), np.zeros((4, 2)))], "label of float64"),
        ([(np.zeros((6, 5, 3)), np.zeros(4, int))], r"shape \[6, 5, 3\] and 4 labels"),
        ([], "it has no recordings"),
        ("nowhere", "found a str"),
        ([(np.full((4, 5, 3), np.nan), np.zeros(4, int))], "NaN or infinite"),
        ([(np.array(["a"] * 4), np.zeros(4, int))], "expected numbers"),
    ],
)
def test_what_cannot_be_used_is_said(source, message: str) -> None:
    with pytest.raises(InputError, match=message):
        collect(source)


def test_labels_beyond_the_classes_and_other_shapes() -> None:
    with pytest.raises(InputError, match="train data, recording 2: label 2 is out of range"):
        collect((spikes(5, 7), LABELS), classes=2)
    with pytest.raises(InputError, match=r"test data: recordings are \[6\], .* \[7\]"):
        collect((spikes(5, 7), LABELS), test=(spikes(5, 6), LABELS))
    with pytest.raises(InputError, match="axes: found 'TXY'"):
        DataReading(axes="TXY")
