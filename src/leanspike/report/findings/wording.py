"""How findings word settings, accuracies and differences."""

from __future__ import annotations

from collections.abc import Sequence

from leanspike.study import Setting, accuracy_noise
from leanspike.study.table import digits


def named(setting: Setting) -> str:
    """Name a setting as tables do, with its bits and pruning spelled out."""
    point = setting.point
    bits = f"{point.weight_bits}-bit weights" if point.weight_bits is not None else ""
    pruned = f"{100 * point.sparsity:g} % pruned" if point.sparsity else ""
    details = [part for part in (_by_layer(setting), bits, pruned) if part]
    name = setting.name if point.layers else point.strategy
    return f"{name} ({', '.join(details)})" if details else name


def in_words(setting: Setting) -> str:
    """Say what a setting does to the weights."""
    point = setting.point
    width = f"{point.weight_bits}-bit" if point.weight_bits != 2 else "ternary (2-bit)"
    pruned = f"{100 * point.sparsity:g} %"
    texts = {
        "quantize": f"{width} weights, nothing pruned",
        "prune": f"{pruned} of the weights pruned, none quantized",
        "cumulative": f"{width} weights, {pruned} of them pruned first (cumulative)",
        "joint": f"{width} weights, {pruned} of them pruned, trained together (joint)",
        "search": f"{setting.name}, chosen layer by layer: {_by_layer(setting)}",
    }
    return texts.get(point.strategy, setting.name)


def _by_layer(setting: Setting) -> str:
    layers = setting.point.layers
    if not layers:
        return ""
    each = [f"{layer.name} {layer.bits} b {100 * layer.sparsity:g} %" for layer in layers]
    return "; ".join(each)


def percent(setting: Setting) -> str:
    """Write a setting's accuracy, with its spread over seeds."""
    accuracy = setting.accuracy
    text = f"{100 * accuracy.mean:.2f} %"
    return text if accuracy.count == 1 else f"{text} (± {100 * accuracy.deviation:.2f})"


def whole(fraction: float) -> str:
    """Write a fraction as a whole percentage.

    >>> whole(0.826)
    '83 %'
    """
    return f"{100 * fraction:.0f} %"


def microjoules(picojoules: float) -> str:
    """Write an energy to three digits."""
    return f"{digits(picojoules * 1e-6)} µJ"


def compared(a: Setting, b: Setting) -> str:
    """Say how accurate `a` is beside `b`, and whether that is noise.

    A difference of 0.4 points with noise of 1.2 reads "0.40 points below, within the noise of
    ± 1.20".
    """
    difference = 100 * (a.accuracy.mean - b.accuracy.mean)
    noise = 100 * accuracy_noise(a, b)
    where = "above" if difference > 0 else "below"
    gap = f"{abs(difference):.2f} points {where}" if difference else "no difference"
    verdict = "within" if abs(difference) <= noise else "beyond"
    return f"{gap}, {verdict} the noise of ± {noise:.2f}"


def listed(names: Sequence[str]) -> str:
    """Write names one after the other."""
    return ", ".join(names)
