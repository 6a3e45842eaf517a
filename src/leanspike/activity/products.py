"""Products of two tensors, as torch's dispatcher sees them: what multiplies and accumulates.

Whatever a network is written in, its multiply-accumulates end in a few operators of torch: matrix
products and convolutions. `recognise` reads their operands and geometry, `multiplies` tells the
operators that multiply and are not read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# Where the two factors stand among an operator's arguments.
_MATRIX_FACTORS = {
    "mm": 0, "bmm": 0, "mv": 0, "dot": 0, "vdot": 0, "linear": 0,
    "addmm": 1, "baddbmm": 1, "addbmm": 1, "addmv": 1, "_addmm_activation": 1, "addr": 1,
}  # fmt: skip
_CONVOLUTIONS = ("convolution", "_convolution", "convolution_overrideable")
#: Operators that multiply and accumulate but are none of the above.
_LEFT = re.compile(
    r"mm($|_)|bmm|matmul|conv|linear(?!_back)|bilinear|trilinear|attention|(^|_)(rnn|lstm|gru)"
    r"|(^|_)dot|cdist|^linalg_(?!vector_norm|norm)|^_?fft"
)
_NOT_LEFT = re.compile(r"upsample|grid_sampler|interpolate|^linalg_vector_norm")


@dataclass(frozen=True)
class Convolution:
    """A convolution's operands and geometry, one entry per spatial axis.

    ``inputs`` is ``[entries, C, ...]`` without zero padding; ``weights`` is ``[M, C/groups, ...]``,
    or ``[C, M/groups, ...]`` where `transposed`. ``padding`` counts zeros before and after.
    """

    inputs: Tensor
    weights: Tensor
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    transposed: bool
    output_padding: tuple[int, ...]
    groups: int

    @property
    def channels(self) -> tuple[int, int]:
        """Input and output channels, all groups together."""
        if self.transposed:
            return self.weights.shape[0], self.weights.shape[1] * self.groups
        return self.weights.shape[1] * self.groups, self.weights.shape[0]

    def operations(self) -> tuple[int, int]:
        """Count pairs of a non-zero input and a non-zero weight, and pairs of any.

        Padding is no input. The dense count is that of all pairs within the input.
        """
        used, fan_out = (self.inputs != 0).sum(0).double(), (self.weights != 0).double()
        everything = self._pairs(torch.ones_like(used), torch.ones_like(fan_out))
        return self._pairs(used, fan_out), everything * self.inputs.shape[0]

    def _pairs(self, used: Tensor, weights: Tensor) -> int:
        """Sum a convolution's output over everything; counts stay exact in double precision."""
        groups = self.groups
        axes = weights.dim() - 2
        # Summed over the output channels of a group first: one output channel per group is enough.
        convolve: Callable[..., Tensor]
        if self.transposed:
            fan_out = weights.sum(1, keepdim=True)
            convolve = (
                functional.conv_transpose1d,
                functional.conv_transpose2d,
                functional.conv_transpose3d,
            )[axes - 1]
            before = tuple(pair[0] for pair in self.padding)
            out = convolve(
                used[None], fan_out, None, self.stride, before, self.output_padding, groups,
                self.dilation,
            )  # fmt: skip
        else:
            fan_out = weights.reshape(groups, -1, *weights.shape[1:]).sum(1)
            convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[axes - 1]
            sides = [side for pair in reversed(self.padding) for side in pair]
            padded = functional.pad(used, sides)
            out = convolve(padded[None], fan_out, None, self.stride, 0, self.dilation, groups)
        return int(out.sum().round())


@dataclass(frozen=True)
class Matrix:
    """A product of matrices: ``inputs`` ``[B, n, k]`` and ``weights`` ``[B or 1, k, m]``."""

    inputs: Tensor
    weights: Tensor

    def turned(self) -> Matrix:
        """Return the same product transposed: the factors change places."""
        return Matrix(self.weights.transpose(1, 2), self.inputs.transpose(1, 2))

    def operations(self) -> tuple[int, int]:
        """Count pairs of a non-zero input and a non-zero weight, and pairs of any."""
        left = (self.inputs != 0).sum(1).double()  # [B, k]
        right = (self.weights != 0).sum(2).double()  # [B or 1, k]
        batch, rows, k = self.inputs.shape
        batch = max(batch, self.weights.shape[0])
        return int((left * right).sum().round()), batch * rows * k * self.weights.shape[2]


Product = Convolution | Matrix


def recognise(name: str, args: Sequence[Any]) -> Product | None:
    """Read a product's operands from an operator's name and arguments; None for other operators."""
    if name in _MATRIX_FACTORS:
        first = _MATRIX_FACTORS[name]
        left, right = args[first], args[first + 1]
        if not (_plain(left) and _plain(right)):
            return None
        if name == "linear":
            return Matrix(left.reshape(1, -1, left.shape[-1]), right.t()[None])
        if name == "addr":
            return Matrix(left[None, :, None], right[None, None, :])
        left = left[None] if left.dim() == 1 else left
        right = right[:, None] if right.dim() == 1 else right
        return Matrix(
            left if left.dim() == 3 else left[None], right if right.dim() == 3 else right[None]
        )
    if name in _CONVOLUTIONS:
        x, w, _, stride, padding, dilation, transposed, output_padding, groups = args[:9]
        if not (_plain(x) and _plain(w)):
            return None
        axes = w.dim() - 2
        if x.dim() == w.dim() - 1:
            x = x[None]
        return Convolution(
            inputs=x,
            weights=w,
            stride=_spread(stride, axes),
            padding=tuple((p, p) for p in _spread(padding, axes)),
            dilation=_spread(dilation, axes),
            transposed=bool(transposed),
            output_padding=_spread(output_padding, axes),
            groups=int(groups),
        )
    return None


def of_module(module: nn.Module, inputs: Tensor) -> Product:
    """Give the product that a Linear or convolution computes, where its kernel cannot be seen."""
    weight: Tensor = module.weight.detach()  # type: ignore[operator]
    if isinstance(module, nn.Linear):
        return Matrix(inputs.detach().reshape(1, -1, inputs.shape[-1]), weight.t()[None])
    assert isinstance(module, nn.modules.conv._ConvNd)
    axes = weight.dim() - 2
    if module.padding == "same":
        spans = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
        padding = tuple((span // 2, span - span // 2) for span in spans)
    elif module.padding == "valid":
        padding = ((0, 0),) * axes
    else:
        padding = tuple((int(p), int(p)) for p in module.padding)
    return Convolution(
        inputs=inputs.detach().reshape(-1, *inputs.shape[inputs.dim() - axes - 1 :]),
        weights=weight,
        stride=module.stride,
        padding=padding,
        dilation=module.dilation,
        transposed=module.transposed,
        output_padding=module.output_padding,
        groups=module.groups,
    )


def unpadded(product: Convolution, inputs: Tensor, sides: Sequence[int]) -> Convolution:
    """Take zeros that were put around the input before a convolution as its padding.

    Parameters
    ----------
    product
        The convolution of the padded input.
    inputs
        The input before.
    sides
        Zeros before and after each axis, the last axis first, as `torch.nn.functional.pad` has it.
    """
    axes = len(product.stride)
    around = [*sides, *[0] * (2 * axes - len(sides))]
    pairs = [(around[2 * i], around[2 * i + 1]) for i in reversed(range(axes))]
    padding = tuple(
        (before + own[0], after + own[1])
        for (before, after), own in zip(pairs, product.padding, strict=True)
    )
    if inputs.dim() == product.weights.dim() - 1:
        inputs = inputs[None]
    return replace(product, inputs=inputs, padding=padding)


def multiplies(name: str) -> bool:
    """Tell by its name whether an operator multiplies and accumulates."""
    return bool(_LEFT.search(name)) and not _NOT_LEFT.search(name) and "backward" not in name


def _plain(value: object) -> bool:
    return isinstance(value, Tensor) and value.layout is torch.strided and not value.is_quantized


def _spread(values: Any, axes: int) -> tuple[int, ...]:
    """Give one value per axis; torch lets a single one stand for all."""
    listed = [values] if isinstance(values, int) else list(values)
    return tuple(int(v) for v in (listed * axes if len(listed) == 1 else listed))
