from __future__ import annotations

import numpy as np
import pytest

from leanspike.events.simulator.people import LIGHTS, Surroundings, User, perform
from leanspike.events.simulator.room import furnish


@pytest.mark.parametrize("side", [32, 128])
@pytest.mark.parametrize("seed", range(5))
def test_a_room_fits_the_sensor(side: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    user, setting = User.draw(generator), Surroundings.draw(LIGHTS[seed], generator)
    room = furnish(user, setting, side=side)
    assert room.level.shape == room.slope.shape[1:] == (side, side)
    assert np.abs(room.level).max() < 3
    left, top, right, bottom = room.flicker
    assert 0 <= left < right <= side
    assert 0 <= top < bottom <= side
    # The body's edges move, the corners of the room do not.
    assert np.abs(room.slope[:, 0, 0]).max() == 0
    assert np.abs(room.slope).max() > 0.05


def test_a_performance_lasts_as_long_as_real_ones() -> None:
    user = User.draw(np.random.default_rng(0))
    for seed in range(20):
        done = perform(3, user, step_us=2500, direction=1, generator=np.random.default_rng(seed))
        assert 5.1e6 < len(done.sway) * 2500 < 7.6e6
        assert done.hands.shape == done.elbows.shape == (len(done.sway), 2, 2)
