from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from leanspike.errors import InputError
from leanspike.events import FrameConfig, Recordings, load_data, read_archive
from leanspike.events.simulator import (
    Take,
    gesture_frames,
    gesture_labels,
    gesture_takes,
    gestures_fingerprint,
    simulate_gesture,
)


def test_counts_and_users_are_the_real_sets() -> None:
    train, test = gesture_takes("train"), gesture_takes("test")
    assert (len(train), len(test)) == (1176, 288)
    assert {take.user for take in train} == set(range(1, 24))
    assert {take.user for take in test} == set(range(24, 30))
    assert len(set(train + test)) == 1464
    # Arm roll twice in each of 98 trials.
    assert np.bincount(gesture_labels(train)).tolist() == [98] * 7 + [196] + [98] * 3


def test_the_same_take_is_the_same_every_time_and_another_is_not() -> None:
    take = Take(user=3, light=1, place=4)
    first, again = (simulate_gesture(take, side=32) for _ in range(2))
    other = simulate_gesture(take._replace(light=2), side=32)
    for name in "txyp":
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert first.labels.tolist() == [4]
    assert len(first.t) != len(other.t)


@pytest.mark.parametrize("side", [16, 50, 256])
def test_any_resolution(side: int) -> None:
    made = simulate_gesture(Take(1, 0, 1), side=side)
    assert (made.width, made.height) == (side, side)
    assert made.x.max() > side / 4
    mean = [made.x.mean() / side, made.y.mean() / side]
    usual = simulate_gesture(Take(1, 0, 1))
    assert mean == pytest.approx([usual.x.mean() / 128, usual.y.mean() / 128], abs=0.06)


def test_frames_do_not_depend_on_how_many_are_made_at_once() -> None:
    takes = gesture_takes("test")[:3]
    config = FrameConfig(T=4)
    together = gesture_frames(takes, config, side=32)
    for i, take in enumerate(takes):
        alone = gesture_frames([take], config, side=32)
        np.testing.assert_array_equal(together.frames[i], alone.frames[0])
    assert together.labels.tolist() == [0, 1, 2]


def test_a_source_of_frames() -> None:
    data = load_data("gestures-synthetic:32", frames=FrameConfig(T=4), limit=11)
    assert data.name == "gestures-synthetic:32"
    assert data.shape == (2, 32, 32)
    assert data.classes == 11
    assert sorted(data.test.labels.tolist()) == sorted(data.train.labels.tolist()) == [*range(11)]
    for wrong in ("gestures-synthetic:8", "gestures-synthetic:a", "gestures-synthetics"):
        with pytest.raises(InputError, match="expected gestures-synthetic"):
            load_data(wrong, frames=FrameConfig(T=4))
    assert gestures_fingerprint(32) != gestures_fingerprint(64)


def statistics(recordings: Recordings) -> dict[str, float]:
    """Rate, place, spread and density of one recording of 128x128."""
    x, y = recordings.x.astype(int), recordings.y.astype(int)
    pixel = y * 128 + x
    part = np.array_split(pixel, 20)
    return {
        "events": len(x),
        "events per second": len(x) / float(recordings.t[-1]) * 1e6,
        "spread in x": x.std(),
        "spread in y": y.std(),
        "mean x, mirrored": abs(x.mean() - 64),
        "mean y": y.mean(),
        "pixels with events": len(np.unique(pixel)) / 128**2,
        "density of a frame": float(np.mean([len(np.unique(p)) for p in part])) / 128**2,
    }


@pytest.mark.parametrize("kind", ["waves", "circles"])
def test_the_usual_gesture_lies_within_the_spread_of_real_ones(
    shared_data: Path, kind: str
) -> None:
    classes = (1, 2) if kind == "waves" else (4, 5, 6)
    real = read_archive(shared_data / "dvsgesture-user02" / "trials.npz")
    real_ones = [
        statistics(real.take(np.array([i]))) for i in range(len(real)) if real.labels[i] in classes
    ]
    takes = [t for t in gesture_takes("train") if t.label in classes][::4]
    made = [statistics(simulate_gesture(take)) for take in takes]
    for name in made[0]:
        values = [one[name] for one in real_ones]
        usual = float(np.median([one[name] for one in made]))
        assert min(values) <= usual <= max(values), (name, usual, values)


def test_on_and_off_events_balance() -> None:
    takes = gesture_takes("test")[:24]
    on = [simulate_gesture(take, side=64).p.mean() for take in takes]
    assert min(on) > 0.4
    assert max(on) < 0.6


@pytest.mark.slow
def test_a_linear_model_of_summed_frames_does_not_suffice() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    data = {
        part: gesture_frames(gesture_takes(part), FrameConfig(T=1), side=32)
        for part in ("train", "test")
    }
    summed = {part: np.log1p(s.frames.reshape(len(s), -1)) for part, s in data.items()}
    best = max(
        linear_model.LogisticRegression(C=c, max_iter=2000)
        .fit(summed["train"], data["train"].labels)
        .score(summed["test"], data["test"].labels)
        for c in (1e-3, 1e-2, 1e-1)
    )
    assert 0.5 < best < 0.8
