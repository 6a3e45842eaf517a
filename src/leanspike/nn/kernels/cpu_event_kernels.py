"""3x3 convolutions that look at non-zero inputs only, forwards and for the weights; compiled.

An input pixel reaches nine outputs. Their sums over sixteen output channels are nine vector
registers, to which each non-zero channel of the pixel adds its nine rows of weights; for the
weights' gradient, the nine registers belong to an input channel, and each pixel at which it is not
zero adds nine rows of gradients. Images are ``[N, H, W, C]``, weights ``[M / 16, C, 9, 16]``;
stride 1, one row and column of zeros around the image. Work is a band of rows of one image.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from leanspike.nn.kernels.compiling import compiled
from leanspike.nn.kernels.cpu_lanes import (
    WIDTH,
    bits_set,
    load,
    lowest,
    multiply_add,
    non_zeros,
    splat,
    store,
)
from leanspike.nn.kernels.cpu_team import on_team

PIXELS = 2048
"""Pixels of a band, about: what is added up stays in the L2 cache."""


@compiled
def count_part(x: Any, counts: Any, units: int, parts: int, part: int) -> None:
    """Count the non-zeros of a flat array into ``counts`` [parts]; a unit is sixteen values."""
    found = 0
    for unit in range(part * units // parts, (part + 1) * units // parts):
        found += bits_set(non_zeros(load(x, unit * WIDTH, x.size - unit * WIDTH)))
    counts[part] = found


@compiled
def count(parts: int, threads: int, *arguments: Any) -> int:
    """Call ``count_part`` for every part."""
    return on_team(count_part, arguments, parts, threads)


@compiled
def rows_of_band(H: int, W: int) -> int:
    """Return how many rows a band has."""
    return min(H, max(4, PIXELS // (W + 2)))


@compiled
def take_nine(a: Any, i: int, row: int) -> Any:
    """Load the nine vectors at and above-left of flat pixel offset i, in the kernel's order."""
    return (
        load(a, i + 2 * row + 2 * WIDTH, WIDTH),
        load(a, i + 2 * row + WIDTH, WIDTH),
        load(a, i + 2 * row, WIDTH),
        load(a, i + row + 2 * WIDTH, WIDTH),
        load(a, i + row + WIDTH, WIDTH),
        load(a, i + row, WIDTH),
        load(a, i + 2 * WIDTH, WIDTH),
        load(a, i + WIDTH, WIDTH),
        load(a, i, WIDTH),
    )


@compiled
def put_nine(a: Any, i: int, row: int, nine: Any) -> None:
    """Store what ``take_nine`` loads."""
    store(a, i + 2 * row + 2 * WIDTH, WIDTH, nine[0])
    store(a, i + 2 * row + WIDTH, WIDTH, nine[1])
    store(a, i + 2 * row, WIDTH, nine[2])
    store(a, i + row + 2 * WIDTH, WIDTH, nine[3])
    store(a, i + row + WIDTH, WIDTH, nine[4])
    store(a, i + row, WIDTH, nine[5])
    store(a, i + 2 * WIDTH, WIDTH, nine[6])
    store(a, i + WIDTH, WIDTH, nine[7])
    store(a, i, WIDTH, nine[8])


@compiled
def take_row(a: Any, k: int) -> Any:
    """Load nine vectors that follow each other."""
    return (
        load(a, k, WIDTH),
        load(a, k + WIDTH, WIDTH),
        load(a, k + 2 * WIDTH, WIDTH),
        load(a, k + 3 * WIDTH, WIDTH),
        load(a, k + 4 * WIDTH, WIDTH),
        load(a, k + 5 * WIDTH, WIDTH),
        load(a, k + 6 * WIDTH, WIDTH),
        load(a, k + 7 * WIDTH, WIDTH),
        load(a, k + 8 * WIDTH, WIDTH),
    )


@compiled
def add_nine(sums: Any, x: Any, nine: Any) -> Any:
    """Return sums + x * nine, vector by vector."""
    return (
        multiply_add(x, nine[0], sums[0]),
        multiply_add(x, nine[1], sums[1]),
        multiply_add(x, nine[2], sums[2]),
        multiply_add(x, nine[3], sums[3]),
        multiply_add(x, nine[4], sums[4]),
        multiply_add(x, nine[5], sums[5]),
        multiply_add(x, nine[6], sums[6]),
        multiply_add(x, nine[7], sums[7]),
        multiply_add(x, nine[8], sums[8]),
    )


@compiled
def find_events(x: Any, n: int, top: int, bottom: int, starts: Any, channels: Any, v: Any) -> int:
    """List channel and value of image n's non-zeros in rows top to bottom, pixel by pixel.

    Pixel i's begin at ``starts[i]``. Returns how many there are.
    """
    C = x.shape[3]
    flat = x.reshape(-1)
    found = 0
    pixel = 0
    for h in range(top, bottom):
        for w in range(x.shape[2]):
            starts[pixel] = found
            pixel += 1
            i = ((n * x.shape[1] + h) * x.shape[2] + w) * C
            for c in range(0, C, WIDTH):
                bits = non_zeros(load(x, i + c, C - c))
                while bits:
                    channel = c + lowest(bits)
                    bits &= bits - 1
                    channels[found] = channel
                    v[found] = flat[i + channel]
                    found += 1
    starts[pixel] = found
    return found


@compiled
def forward_part(x: Any, weight: Any, y: Any, units: int, parts: int, part: int) -> None:
    """Convolution ``y`` [N, H, W, M] of ``x`` [N, H, W, C]."""
    H, W, C = x.shape[1:]
    band = rows_of_band(H, W)
    bands = -(-H // band)
    row = (W + 2) * WIDTH
    tile = np.empty((band + 4) * row, x.dtype)
    starts = np.empty((band + 2) * W + 1, np.int64)
    channels = np.empty((band + 2) * W * C + 1, np.int64)
    values = np.empty(channels.size, x.dtype)
    for unit in range(part * units // parts, (part + 1) * units // parts):
        n, low = unit // bands, unit % bands * band
        high = min(low + band, H)
        # A row of inputs above the band and one below reach into it.
        top, bottom = max(low - 1, 0), min(high + 1, H)
        find_events(x, n, top, bottom, starts, channels, values)
        for m in range(weight.shape[0]):
            tile[:] = 0
            pixel = 0
            for h in range(top, bottom):
                for w in range(W):
                    first, last = starts[pixel], starts[pixel + 1]
                    pixel += 1
                    if first == last:
                        continue
                    # The tile's first row is two above the band.
                    i = (h - low + 1) * row + w * WIDTH
                    sums = take_nine(tile, i, row)
                    for j in range(first, last):
                        k = (m * C + channels[j]) * 9 * WIDTH
                        sums = add_nine(sums, splat(values[j]), take_row(weight, k))
                    put_nine(tile, i, row, sums)
            for h in range(low, high):
                for w in range(W):
                    i = (h - low + 2) * row + (w + 1) * WIDTH
                    target = ((n * H + h) * W + w) * weight.shape[0] + m
                    store(y, target * WIDTH, WIDTH, load(tile, i, WIDTH))


@compiled
def forward(parts: int, threads: int, *arguments: Any) -> int:
    """Call ``forward_part`` for every part."""
    return on_team(forward_part, arguments, parts, threads)


@compiled
def weight_gradient_part(x: Any, g: Any, sums: Any, units: int, parts: int, part: int) -> None:
    """Add to ``sums`` [parts, M / 16, C, 9, 16] the gradient of the weights from ``g``, y's."""
    H, W, C = x.shape[1:]
    band = rows_of_band(H, W)
    bands = -(-H // band)
    row = (W + 2) * WIDTH
    tile = np.zeros((band + 2) * row, x.dtype)
    starts = np.empty(band * W + 1, np.int64)
    channels = np.empty(band * W * C + 1, np.int64)
    values = np.empty(channels.size, x.dtype)
    places = np.empty(channels.size, np.int64)
    sorted_values = np.empty(channels.size, x.dtype)
    ends = np.empty(C + 1, np.int64)
    vectors = sums.shape[1]
    for unit in range(part * units // parts, (part + 1) * units // parts):
        n, low = unit // bands, unit % bands * band
        high = min(low + band, H)
        found = find_events(x, n, low, high, starts, channels, values)
        sort_events(found, W, row, starts, channels, values, ends, places, sorted_values)
        for m in range(vectors):
            for h in range(low - 1, high + 1):
                for w in range(W):
                    i = (h - low + 1) * row + (w + 1) * WIDTH
                    own = splat(x.dtype.type(0))
                    if 0 <= h < H:
                        own = load(g, (((n * H + h) * W + w) * vectors + m) * WIDTH, WIDTH)
                    store(tile, i, WIDTH, own)
            for c in range(C):
                first = ends[c - 1] if c else 0
                if first == ends[c]:
                    continue
                k = (((part * vectors + m) * C) + c) * 9 * WIDTH
                total = take_row(sums, k)
                for j in range(first, ends[c]):
                    x_own = splat(sorted_values[j])
                    total = add_nine(total, x_own, take_nine(tile, places[j], row))
                put_row(sums, k, total)


@compiled
def sort_events(
    found: int,
    W: int,
    row: int,
    starts: Any,
    channels: Any,
    values: Any,
    ends: Any,
    places: Any,
    sorted_values: Any,
) -> None:
    """Sort a band's events by channel: their places in the tile, and values; c's up to ends[c]."""
    ends[:] = 0
    for j in range(found):
        ends[channels[j] + 1] += 1
    for c in range(1, ends.size):
        ends[c] += ends[c - 1]
    # ends[c] is now where channel c begins; each of its events moves it on by one.
    for pixel in range(starts.size - 1):
        if starts[pixel] >= found:
            break
        place = pixel // W * row + pixel % W * WIDTH
        for j in range(starts[pixel], starts[pixel + 1]):
            c = channels[j]
            places[ends[c]] = place
            sorted_values[ends[c]] = values[j]
            ends[c] += 1


@compiled
def put_row(a: Any, k: int, nine: Any) -> None:
    """Store what ``take_row`` loads."""
    store(a, k, WIDTH, nine[0])
    store(a, k + WIDTH, WIDTH, nine[1])
    store(a, k + 2 * WIDTH, WIDTH, nine[2])
    store(a, k + 3 * WIDTH, WIDTH, nine[3])
    store(a, k + 4 * WIDTH, WIDTH, nine[4])
    store(a, k + 5 * WIDTH, WIDTH, nine[5])
    store(a, k + 6 * WIDTH, WIDTH, nine[6])
    store(a, k + 7 * WIDTH, WIDTH, nine[7])
    store(a, k + 8 * WIDTH, WIDTH, nine[8])


@compiled
def weight_gradient(parts: int, threads: int, *arguments: Any) -> int:
    """Call ``weight_gradient_part`` for every part."""
    return on_team(weight_gradient_part, arguments, parts, threads)
