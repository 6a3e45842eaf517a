"""Integer inference against golden traces of Lava's PilotNet (lava-dl, BSD-3), bit by bit.

Lava's current-based neuron with a current that decays at once (v keeps 3/4 and takes all of its
input) is ours with tau = 4 and inputs four times as large. One thing differs: it rounds v towards
zero, we round down. So potentials agree exactly until one is negative, and stay within the few
units that this can add up to.
"""

from pathlib import Path

import numpy as np
import pytest

from leanspike.export.inference import accumulate, fire
from leanspike.export.layer import IntegerLayer, Integers

h5py = pytest.importorskip("h5py", reason="needs h5py, which comes with the package nir")
FOLDER = Path(__file__).parents[3] / "shared" / "referees" / "lava_pilotnet_lif"
# Name, number in network.net, and the step at which its neurons start.
LAYERS = [
    *((f"conv-{k}", k + 1, k + 1) for k in range(1, 5)),
    *((f"fc-{k}", k + 7, k + 6) for k in range(3)),
]
PERIOD = 17  # steps from one reset of all neurons to the next


def golden(name: str) -> Integers:
    """Read a trace as [T, N=1, C, H, W] or [T, N=1, F]; stored are (W, H, C, T) and (N, T)."""
    return np.load(FOLDER / f"{name}.npy").astype(np.int64).T[:, None]


def read_layer(number: int, entry: tuple[int, ...]) -> IntegerLayer:
    with h5py.File(FOLDER / "network.net") as file:
        stored = file[f"layer/{number}"]
        weights, bias = stored["weight"][()].astype(np.int64), stored["bias"][()].astype(np.int64)
        threshold = int(stored["neuron/theta"][()])
        leak = int(stored["neuron/vDecay"][()])
        assert (leak, int(stored["neuron/iDecay"][()])) == (1024, 4096)
        pairs = {
            name: tuple(int(v) for v in stored[theirs][()]) if theirs in stored else ()
            for name, theirs in (
                ("stride", "stride"), ("padding", "padding"), ("dilation", "dilation")
            )
        }  # fmt: skip
    ones = np.ones(len(weights))
    return IntegerLayer(
        name=str(number),
        weights=weights,
        bits=9,
        scale=ones,
        unit=ones / 256,
        bias=256 * bias,
        threshold=np.full(len(weights), threshold + 1),  # theirs fires above it, ours at it
        threshold_step=np.full(len(weights), threshold),
        reset=np.zeros(len(weights), np.int64),
        soft=False,
        leak=1,
        leak_shift=2,
        fraction_bits=8,  # 64 for their weights' unit, 4 for the leak that ours puts on inputs
        groups=1,
        input_shape=entry,
        pool=None,
        **pairs,
    )


@pytest.mark.parametrize(("name", "number", "start"), LAYERS)
def test_pilotnet(name: str, number: int, start: int) -> None:
    if not FOLDER.exists():
        pytest.skip("the developers' golden traces (../shared/referees) are not here")
    before = LAYERS[[n for n, _, _ in LAYERS].index(name) - 1][0] if number > 2 else "conv-0"
    entering = golden(before)
    if name == "fc-0":
        entering = entering.reshape(*entering.shape[:2], -1)
    layer = read_layer(number, entering.shape[2:])
    sums = accumulate(layer, entering[:, 0])[:, None]
    current, potential, spikes = (golden(name + what) for what in ("-u", "-v", ""))
    assert np.array_equal(64 * sums[:-1], current[1:])  # one step of lag a layer
    assert not current[0].any()

    resets = [t for t in (start, start + PERIOD) if t < len(spikes)]
    lagged = np.concatenate([np.zeros_like(sums[:1]), sums[:-1]])
    differing = 0
    for first, last in zip(resets, [*resets[1:], len(spikes)], strict=True):
        fired, v = fire(layer, lagged[first:last])
        theirs = np.where(spikes[first:last], 0, potential[first:last])  # a trace shows its 128
        never_negative = ~(np.cumsum(theirs < 0, axis=0) > 0)
        assert np.array_equal(v[never_negative], theirs[never_negative])
        same = fired == spikes[first:last]
        assert same[never_negative].all()
        # Rounding down costs at most one unit a step, of which 3/4 is kept: less than 4 in all.
        agreeing = np.broadcast_to(same.all(0), v.shape)
        assert np.abs(v - theirs)[agreeing].max() < 4
        differing += int((~same).sum())
    assert differing <= 1  # of up to 59,262 spikes in a layer
