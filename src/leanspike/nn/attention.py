"""Temporal-channel joint attention (TCJA)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SameConv1d(nn.Conv1d):
    """A 1-d convolution without bias whose output is as long as its input.

    An even kernel pads one more zero at the end than at the start, as ``padding="same"`` does in
    torch and JAX; torch's own also warns about the copy, which cannot be avoided.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size, padding="same", bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """Convolve ``[N, C, L]`` to ``[N, M, L]``."""
        before = (self.kernel_size[0] - 1) // 2
        padded = F.pad(input, (before, self.kernel_size[0] - 1 - before))
        return F.conv1d(padded, self.weight)


def attend(x: Tensor, along_channels: SameConv1d, along_time: SameConv1d) -> Tensor:
    """Weigh every channel of every step by a gate learned over time and channels jointly.

    With z the mean of x over height and width, ``y = x * sigmoid(conv_t(z) * conv_c(z))``, where
    conv_t slides along the channels (steps are its channels) and conv_c along the steps (channels
    are its channels). Zhu et al., arXiv 2206.10177, eq. 6-9.

    Parameters
    ----------
    x
        Spikes ``[T, N, C, H, W]``.
    along_channels
        conv_t: T to T channels, kernel 4.
    along_time
        conv_c: C to C channels, kernel 4.

    Returns
    -------
    Tensor
        ``[T, N, C, H, W]``; real numbers, zero where ``x`` is.
    """
    z = x.mean(dim=(3, 4))
    gate_t = along_channels(z.permute(1, 0, 2)).permute(1, 0, 2)
    gate_c = along_time(z.permute(1, 2, 0)).permute(2, 0, 1)
    gate = torch.sigmoid(gate_t * gate_c)
    return x * gate[:, :, :, None, None]
