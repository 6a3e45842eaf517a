"""Loop bounds of a weight layer, in the field's letters, from the module and its output."""

from __future__ import annotations

from typing import Any

from torch import nn

from leanspike.activity.roles import WeightLayer


def loop_bounds(
    module: WeightLayer, output_shape: tuple[int, ...], input_elements: int
) -> dict[str, Any]:
    """Give a layer's bounds other than T and N.

    Parameters
    ----------
    module
        A Conv1d, Conv2d, Conv3d or Linear.
    output_shape
        One entry of its output, ``[M, D, P, Q]``, ``[M, P, Q]``, ``[M, Q]`` or ``[M]``.
    input_elements
        Values of its input per sample and time step: a dense layer may meet several vectors
        (tokens), which become Q.

    Returns
    -------
    dict
        C, M, P, Q, R, S, stride, dilation, padding and groups, and N where it is not 1. P, R go
        with height, Q, S with width; a 1-d convolution has P = R = 1. A 3-d convolution becomes
        one 2-d convolution per output slice (N), whose channels are those of all the input slices
        that it sums over: weights, computes, outputs and membranes stay the same in number, an
        input slice counts as often as output slices read it.

    >>> loop_bounds(nn.Conv1d(3, 5, 4, stride=2, padding=1), (5, 9), 54)["S"]
    4
    """
    if isinstance(module, nn.Linear):
        return {
            "C": module.in_features,
            "M": module.out_features,
            "Q": input_elements // module.in_features,
        }
    volume = isinstance(module, nn.Conv3d)
    slices = {"N": output_shape[1]} if volume else {}
    kernel, dilation = _pair(module.kernel_size, 1), _pair(module.dilation, 1)
    if module.padding == "same":
        padding = tuple(d * (k - 1) // 2 for d, k in zip(dilation, kernel, strict=True))
    elif module.padding == "valid":
        padding = (0, 0)
    else:
        padding = _pair(module.padding, 0)  # type: ignore[arg-type]
    height, width = _pair(output_shape[1:], 1)
    return slices | {
        "C": module.in_channels * (module.kernel_size[0] if volume else 1),
        "M": module.out_channels,
        "P": height,
        "Q": width,
        "R": kernel[0],
        "S": kernel[1],
        "stride": _pair(module.stride, 1),
        "dilation": dilation,
        "padding": padding,
        "groups": module.groups,
    }


def _pair(values: tuple[int, ...], missing: int) -> tuple[int, ...]:
    """Give the values for height and width, the last two; one axis has no height."""
    return tuple(values[-2:]) if len(values) >= 2 else (missing, *values)
