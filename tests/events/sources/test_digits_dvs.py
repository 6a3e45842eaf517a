from __future__ import annotations

import numpy as np
import pytest

from leanspike.events import Recordings
from leanspike.events.sources.digits_dvs import STEPS, digits_fingerprint, digits_recordings

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def digits() -> dict[str, Recordings]:
    return digits_recordings()


def test_every_digit_is_in_one_split(digits: dict[str, Recordings]) -> None:
    from sklearn.datasets import load_digits

    assert {name: len(r) for name, r in digits.items()} == {
        "train": 1197,
        "validation": 199,
        "test": 401,
    }
    labels = np.concatenate([r.labels for r in digits.values()])
    np.testing.assert_array_equal(np.bincount(labels), np.bincount(load_digits().target))
    for r in digits.values():  # balanced within the source's own 174 to 183 a class
        share = np.bincount(r.labels) / len(r)
        assert share.min() > 0.09
        assert share.max() < 0.11


def test_same_bits_every_time(digits: dict[str, Recordings]) -> None:
    again = digits_recordings()
    for name, r in digits.items():
        for field in ("t", "x", "y", "p", "offsets", "labels"):
            np.testing.assert_array_equal(getattr(r, field), getattr(again[name], field))
    assert digits_fingerprint() == digits_fingerprint()


def test_events_look_like_three_saccades(digits: dict[str, Recordings]) -> None:
    r = digits["train"]
    assert (r.width, r.height, r.classes, r.tick_us) == (34, 34, 10, 1000)
    assert r.t.max() < 2 * STEPS == 300
    # N-MNIST's denoised recordings have about 3,900 events, the two polarities about balanced.
    assert 3000 < r.counts.mean() < 5000
    assert 0.45 < r.p.mean() < 0.6
    # Most events lie where the digit passes, some are noise at the rim.
    inside = (r.x > 1) & (r.x < 33) & (r.y > 1) & (r.y < 33)
    assert 0.95 < inside.mean() < 1
    # In the third saccade the camera moves the image left and not up or down: a digit's centre of
    # events goes left by most of the 7 pixels.
    third = r.t >= 200
    early, late = third & (r.t < 220), r.t >= 280
    assert 4 < r.x[early].mean() - r.x[late].mean() < 7
    assert abs(r.y[early].mean() - r.y[late].mean()) < 0.5


def test_a_nearest_centroid_on_summed_frames_knows_digits_but_not_all(
    digits: dict[str, Recordings],
) -> None:
    from leanspike.events import FrameConfig, make_frames

    def sums(r: Recordings) -> np.ndarray:
        return make_frames(r, FrameConfig(1)).sum((1, 2)).reshape(len(r), -1).astype(float)

    train, test = sums(digits["train"]), sums(digits["test"])
    centres = np.stack([train[digits["train"].labels == c].mean(0) for c in range(10)])
    guess = ((test[:, None] - centres) ** 2).sum(2).argmin(1)
    assert 0.6 < (guess == digits["test"].labels).mean() < 0.97
