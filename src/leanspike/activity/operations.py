"""Synaptic operations: how often a non-zero input meets a non-zero weight.

Loop bounds of a layer, in the field's letters, from the product it computes.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from leanspike.activity.products import Convolution, Product, of_module
from leanspike.activity.roles import WeightLayer


def count_operations(layer: WeightLayer, inputs: Tensor) -> tuple[int, int]:
    """Count effective and dense synaptic operations of one call.

    Parameters
    ----------
    layer
        A Conv1d, Conv2d, Conv3d or Linear.
    inputs
        ``[entries, C, ...]`` as the layer sees them.

    Returns
    -------
    effective, dense
        Pairs of a non-zero input and a non-zero weight, and of any input and weight. Padding is
        no input. They are NeuroBench's effective operations and its dense ones.

    >>> from torch import nn, tensor
    >>> layer = nn.Linear(3, 2)
    >>> _ = layer.weight.data.copy_(tensor([[1.0, 0, 2], [0, 0, 3]]))
    >>> count_operations(layer, tensor([[1.0, 1.0, 0.0]]))
    (1, 6)
    """
    return of_module(layer, inputs).operations()


Pair = tuple[int, int]


@dataclass(frozen=True)
class Shape:
    """A layer's geometry, for one entry: one time step of one sample, or one position of it.

    P and R go with height, Q and S with width; a 1-d convolution has P = R = 1. A 3-d convolution
    becomes one 2-d convolution per output slice (N), whose channels are those of all the input
    slices that it sums over: weights, computes, outputs and membranes stay the same in number, an
    input slice counts as often as output slices read it. A transposed convolution is a convolution
    of its input with zeros between the values.

    Attributes
    ----------
    output
        One entry of its output, channels first.
    activations
        Whether the weights are activations; an entry is then one head.
    dense
        Whether it is a product of matrices with parameters; an entry is then one position.
    within
        Share of a 3-d convolution's input slices that are no padding.
    """

    output: tuple[int, ...]
    C: int
    M: int
    N: int = 1
    P: int = 1
    Q: int = 1
    R: int = 1
    S: int = 1
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Pair = (0, 0)
    input_size: Pair = (1, 1)
    upsampling: Pair = (1, 1)
    groups: int = 1
    activations: bool = False
    dense: bool = False
    within: float = 1.0

    def bounds(self, positions: int) -> dict[str, object]:
        """Give a layer's fields other than T.

        Parameters
        ----------
        positions
            Entries of one sample and time step: heads, or positions of a dense layer (tokens),
            which become Q.
        """
        if self.activations:
            return {
                "C": positions * self.C, "M": positions * self.M, "Q": self.Q,
                "groups": positions, "input_size": (1, self.Q), "operand": "activations",
            }  # fmt: skip
        if self.dense:
            size = {"C": self.C, "M": self.M, "Q": positions, "groups": self.groups}
            return {**size, "input_size": (1, positions)}
        fields = ("N", "C", "M", "P", "Q", "R", "S", "stride", "dilation", "padding")
        more = ("input_size", "upsampling", "groups")
        return {name: getattr(self, name) for name in (*fields, *more)}


def shape_of(product: Product, *, activations: bool) -> Shape:
    """Give the geometry of a product.

    Raises
    ------
    ValueError
        A geometry that no layer can state; its message says which.

    >>> import torch
    >>> from leanspike.activity.products import of_module
    >>> conv = torch.nn.Conv1d(3, 5, 4, stride=2, padding=1)
    >>> shape = shape_of(of_module(conv, torch.zeros(1, 3, 18)), activations=False)
    >>> shape.Q, shape.S, shape.padding, shape.input_size
    (9, 4, (0, 1), (1, 18))
    """
    if not isinstance(product, Convolution):
        _, rows, k = product.inputs.shape
        m = product.weights.shape[2]
        if activations:
            return Shape(output=(rows, m), C=k, M=m, Q=rows, activations=True)
        groups = product.weights.shape[0]
        return Shape(output=(groups * m,), C=groups * k, M=groups * m, groups=groups, dense=True)
    return _convolution(product)


def _convolution(product: Convolution) -> Shape:
    sizes, kernel = tuple(product.inputs.shape[2:]), tuple(product.weights.shape[2:])
    axes = range(len(sizes))
    spans = [product.dilation[i] * (kernel[i] - 1) for i in axes]
    if product.transposed:
        before = [spans[i] - product.padding[i][0] for i in axes]
        if min(before) < 0:
            raise ValueError("a transposed convolution that crops more than its kernel adds")
        steps, stride = product.stride, (1,) * len(sizes)
        out = tuple(
            (sizes[i] - 1) * steps[i] + before[i] * 2 + product.output_padding[i] - spans[i] + 1
            for i in axes
        )
    else:
        before = [pair[0] for pair in product.padding]
        steps, stride = (1,) * len(sizes), product.stride
        out = tuple(
            (sizes[i] + sum(product.padding[i]) - spans[i] - 1) // stride[i] + 1 for i in axes
        )
    channels, made = product.channels
    deep = len(sizes) == 3
    return Shape(
        output=(made, *out),
        C=channels * (kernel[0] if deep else 1),
        M=made,
        N=out[0] if deep else 1,
        P=_pair(out, 1)[0],
        Q=_pair(out, 1)[1],
        R=_pair(kernel, 1)[0],
        S=_pair(kernel, 1)[1],
        stride=_pair(stride, 1),
        dilation=_pair(product.dilation, 1),
        padding=_pair(tuple(before), 0),
        input_size=_pair(sizes, 1),
        upsampling=_pair(steps, 1),
        groups=product.groups,
        within=_within(product, out[0], before[0], steps[0]) if deep else 1.0,
    )


def _within(product: Convolution, slices: int, before: int, step: int) -> float:
    """Give the share of (output slice, kernel slice) pairs that meet an input slice."""
    kernel, depth = product.weights.shape[2], product.inputs.shape[2]
    stride = 1 if product.transposed else product.stride[0]
    met = 0
    for p in range(slices):
        for r in range(kernel):
            place = p * stride + r * product.dilation[0] - before
            met += place >= 0 and place % step == 0 and place // step < depth
    return met / (slices * kernel)


def _pair(values: tuple[int, ...], missing: int) -> Pair:
    """Give the values for height and width, the last two; one axis has no height."""
    return (values[-2], values[-1]) if len(values) >= 2 else (missing, values[-1])
