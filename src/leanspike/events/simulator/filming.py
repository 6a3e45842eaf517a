"""The compiled loop: arms before a background, looked at pixel by pixel by an event camera.

Log intensities are blended where a soft edge covers part of a pixel. To be fast, a step looks only
where something may have changed: around the arms that move, where the background flickers, and at
two rows in turn, so that every pixel is looked at least every ``H / 2`` steps. There a pixel's
leak since the last look falls due at once.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from leanspike.events.simulator.camera import look
from leanspike.events.simulator.counter_random import gap, uniform

EDGE = 1.0  # pixels: half the width of a blurred edge
MOVED = 0.15  # pixels that a limb moves before the camera looks at it again
# Of a limb: x, y, dx, dy, 1 / length^2, length, radius with edge, level, texture, and the box
# around it: left, top, right, bottom.
_FIELDS = 13


@njit(cache=True, inline="always")
def _limb(limbs, i, ax, ay, bx, by, radius, level, texture):  # type: ignore[no-untyped-def]
    dx, dy = bx - ax, by - ay
    square = max(dx * dx + dy * dy, 1e-6)
    limbs[i, 0], limbs[i, 1], limbs[i, 2], limbs[i, 3] = ax, ay, dx, dy
    limbs[i, 4], limbs[i, 5] = 1.0 / square, math.sqrt(square)
    limbs[i, 6], limbs[i, 7], limbs[i, 8] = radius + EDGE, level, texture
    limbs[i, 9], limbs[i, 10] = min(ax, bx) - radius - EDGE, min(ay, by) - radius - EDGE
    limbs[i, 11], limbs[i, 12] = max(ax, bx) + radius + EDGE, max(ay, by) + radius + EDGE


@njit(cache=True)
def _place_limbs(limbs, joints, looks):  # type: ignore[no-untyped-def]
    """Upper arm, forearm and hand of both arms, from their joints [2, 3, 2]."""
    thick, skin, fingers, sleeve, folds = looks[0], looks[1], looks[2], looks[3], looks[4]
    for arm in range(2):
        sx, sy = joints[arm, 0, 0], joints[arm, 0, 1]
        ex, ey = joints[arm, 1, 0], joints[arm, 1, 1]
        hx, hy = joints[arm, 2, 0], joints[arm, 2, 1]
        length = max(math.hypot(hx - ex, hy - ey), 1e-3)
        tip = 4.5 * thick / length
        tx, ty = hx + tip * (hx - ex), hy + tip * (hy - ey)
        _limb(limbs, 3 * arm, sx, sy, ex, ey, 4.2 * thick, sleeve, folds)
        _limb(limbs, 3 * arm + 1, ex, ey, hx, hy, 3.3 * thick, sleeve, folds)
        _limb(limbs, 3 * arm + 2, hx, hy, tx, ty, 4.0 * thick, skin, fingers)


@njit(cache=True, inline="always")
def _seen(limbs, x, y, behind, wave):  # type: ignore[no-untyped-def]
    """Log intensity at a pixel: the limbs one over another before `behind`."""
    now = behind
    for i in range(6):
        if x < limbs[i, 9] or x > limbs[i, 11] or y < limbs[i, 10] or y > limbs[i, 12]:
            continue
        px, py = x - limbs[i, 0], y - limbs[i, 1]
        dx, dy = limbs[i, 2], limbs[i, 3]
        along = min(max((px * dx + py * dy) * limbs[i, 4], 0.0), 1.0)
        qx, qy = px - along * dx, py - along * dy
        outer = limbs[i, 6]
        square = qx * qx + qy * qy
        if square >= outer * outer:
            continue
        cover = min((outer - math.sqrt(square)) / (2.0 * EDGE), 1.0)
        # Folds run across a sleeve, fingers along a hand.
        if i % 3 == 2:
            ripple = _ripple(1.8 * wave * (px * dy - py * dx) / limbs[i, 5])
        else:
            ripple = _ripple(wave * along * limbs[i, 5])
        now += cover * (limbs[i, 7] + limbs[i, 8] * ripple - now)
    return now


@njit(cache=True, inline="always")
def _ripple(turns):  # type: ignore[no-untyped-def]
    """Return a wave of period 1 between -1 and 1, of two parabolas: nearly a sine, and cheap."""
    part = turns - math.floor(turns)
    if part < 0.5:
        return 16.0 * part * (0.5 - part)
    return -16.0 * (part - 0.5) * (1.0 - part)


@njit(cache=True, nogil=True)
def film(  # type: ignore[no-untyped-def]
    level, slope, sway, joints, looks, flicker, flash, thresholds, leak, noise, hot, fires,
    seed, step_us, t, x, y, p,
):  # fmt: skip
    """Film one gesture; returns its number of events, of which as many are kept as fit.

    Parameters
    ----------
    level, slope
        Background [H, W] and [2, H, W], see `Room`.
    sway
        Shift of the body in pixels [K, 2].
    joints
        Shoulder, elbow and hand in pixels [K, 2 arms, 3, 2].
    looks
        Thickness in pixels per body unit, level of skin, texture of fingers, level of sleeve,
        texture of its folds, texture's waves per pixel.
    flicker, flash
        Left, top, right, bottom of what flickers; its log intensity in each step [K].
    thresholds
        Of each pixel [H * W].
    leak, noise
        Per step, see `Camera`.
    hot, fires
        Pixels that fire without cause, and their chance to do so in a step.
    seed
        Of the noise.
    step_us
        Microseconds of a step.
    t, x, y, p
        Where the events go.
    """
    steps, height, width = len(joints), level.shape[0], level.shape[1]
    kept = np.empty(height * width, np.float32)
    when = np.zeros(height * width, np.int32)
    limbs = np.empty((6, _FIELDS))
    wave = looks[5]
    _place_limbs(limbs, joints[0], looks)
    for i in range(height):
        for j in range(width):
            behind = level[i, j]
            if flicker[0] <= j < flicker[2] and flicker[1] <= i < flicker[3]:
                behind += flash[0]
            pixel = i * width + j
            # A camera that has run for long is anywhere between two events.
            away = (2.0 * uniform(seed, 1, pixel) - 1.0) * thresholds[pixel]
            kept[pixel] = _seen(limbs, j + 0.5, i + 0.5, behind, wave) + away
    boxes = np.empty((8, 4), np.int64)
    before = limbs.copy()  # where each limb was when last looked at
    count = 0
    trial, draws = 0, 0
    noisy = gap(seed, 0, draws, noise)
    for k in range(1, steps):
        _place_limbs(limbs, joints[k], looks)
        number = 0
        for i in range(6):
            moved = 0.0
            for edge in range(9, 13):
                moved = max(moved, abs(limbs[i, edge] - before[i, edge]))
            if moved < MOVED:
                continue
            boxes[number, 0] = max(int(min(limbs[i, 9], before[i, 9]) - 1.0), 0)
            boxes[number, 1] = max(int(min(limbs[i, 10], before[i, 10]) - 1.0), 0)
            boxes[number, 2] = min(int(max(limbs[i, 11], before[i, 11]) + 2.0), width)
            boxes[number, 3] = min(int(max(limbs[i, 12], before[i, 12]) + 2.0), height)
            before[i] = limbs[i]
            number += 1
        for edge in range(4):
            boxes[number, edge] = flicker[edge]
        number += 1
        row = (2 * k) % height
        boxes[number, 0], boxes[number, 1] = 0, row
        boxes[number, 2], boxes[number, 3] = width, min(row + 2, height)
        number += 1
        first = count
        for b in range(number):
            for i in range(boxes[b, 1], boxes[b, 3]):
                for j in range(boxes[b, 0], boxes[b, 2]):
                    pixel = i * width + j
                    if when[pixel] == k:
                        continue
                    behind = level[i, j] + slope[0, i, j] * sway[k, 0] + slope[1, i, j] * sway[k, 1]
                    if flicker[0] <= j < flicker[2] and flicker[1] <= i < flicker[3]:
                        behind += flash[k]
                    now = _seen(limbs, j + 0.5, i + 0.5, behind, wave)
                    fall = leak * (k - when[pixel])
                    when[pixel] = k
                    event = look(now, kept, pixel, thresholds[pixel], fall)
                    if event >= 0:
                        if count < len(t):
                            x[count], y[count], p[count] = j, i, event
                        count += 1
        while noisy < trial + height * width:
            pixel = noisy - trial
            draws += 1
            if count < len(t):
                x[count], y[count] = pixel % width, pixel // width
                p[count] = int(uniform(seed, 2, draws) * 2.0 - 1e-9)
            count += 1
            noisy += 1 + gap(seed, 0, draws, noise)
        trial += height * width
        for h in range(len(hot)):
            if uniform(seed, 3 + h, 2 * k) <= fires[h]:
                if count < len(t):
                    x[count], y[count] = hot[h] % width, hot[h] // width
                    p[count] = int(uniform(seed, 3 + h, 2 * k + 1) * 2.0 - 1e-9)
                count += 1
        # The sensor reads its events out one after another.
        for e in range(first, min(count, len(t))):
            t[e] = k * step_us + (e - first) * step_us // (count - first)
    return count
