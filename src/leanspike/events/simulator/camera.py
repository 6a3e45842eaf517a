"""An event camera: each pixel reports when its log intensity has moved by a threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.errors import InputError


@dataclass(frozen=True)
class Camera:
    """A simulated event camera, after the model of v2e (Hu, Liu, Delbruck, CVPRW 2021, section 3).

    A pixel keeps the log intensity at its last event; when the present one differs by its
    threshold it reports ON or OFF, at most once in a step (its refractory period).

    Parameters
    ----------
    threshold
        Mean change of log intensity (natural) that makes an event.
    mismatch
        Standard deviation of the threshold over pixels, fixed for one camera.
    noise_hz
        Rate of events without cause (shot noise), per pixel, either polarity.
    leak_hz
        Rate of ON events that a pixel's leak causes at constant intensity.
    step_us
        Time between two looks at the scene, and the resolution of time stamps.
    """

    threshold: float = 0.25
    mismatch: float = 0.03
    noise_hz: float = 1.0
    leak_hz: float = 0.1
    step_us: int = 2000

    def __post_init__(self) -> None:
        if not (self.threshold > 0 and self.mismatch >= 0 and self.step_us >= 1):
            raise InputError("threshold, mismatch or step_us is not positive", where=repr(self))
        if not (0 <= self.noise_hz * self.step_us < 1e6 and self.leak_hz >= 0):
            raise InputError("noise_hz or leak_hz is out of range", where=repr(self))

    def thresholds(self, height: int, width: int, *, seed: int) -> NDArray[np.float32]:
        """Each pixel's threshold [H, W], normal with `mismatch`, at least a fifth of the mean."""
        normal = np.random.default_rng(seed).standard_normal((height, width))
        spread = self.threshold + self.mismatch * normal
        return np.maximum(spread, self.threshold / 5).astype(np.float32)

    @property
    def noise_probability(self) -> float:
        """Chance of a noise event, per pixel and step."""
        return self.noise_hz * self.step_us * 1e-6

    @property
    def leak_per_step(self) -> float:
        """Fall of a pixel's kept log intensity in one step."""
        return self.threshold * self.leak_hz * self.step_us * 1e-6


@njit(cache=True, inline="always")
def look(now, kept, pixel, threshold, leak):  # type: ignore[no-untyped-def]
    """One pixel, one step: 1 for ON, 0 for OFF, -1 for nothing; moves ``kept[pixel]``.

    Parameters
    ----------
    now
        Log intensity.
    kept
        Log intensity at the last event, all pixels.
    pixel
        Index into `kept`.
    threshold
        This pixel's threshold.
    leak
        Fall of the kept value since the last step.
    """
    reference = kept[pixel] - leak
    change = now - reference
    if change >= threshold:
        kept[pixel] = reference + threshold
        return 1
    if change <= -threshold:
        kept[pixel] = reference - threshold
        return 0
    kept[pixel] = reference
    return -1
