"""How much each option for each layer harms the float network: no training, some recordings."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from leanspike.activity import profile
from leanspike.compress import (
    CompressionConfig,
    prepare,
    reestimate_batchnorm,
    summary,
    weight_layers,
)
from leanspike.events import FrameSplit
from leanspike.hardware.workload.workload import Workload
from leanspike.study.plan.options import Option
from leanspike.study.records import ExploredLayer, ExploreResult
from leanspike.study.work.networks import frame_batches
from leanspike.training import rate_loss


def explore(
    net: nn.Module,
    split: FrameSplit,
    options: Sequence[Option],
    compression: CompressionConfig,
    *,
    classes: int,
    recordings: int,
    batch_size: int,
    seed: int,
) -> ExploreResult:
    """Compress each layer by itself in every way, and note what becomes of the loss.

    Batch-norm statistics are measured anew each time, since fine-tuning would do at least that.
    The rise of the loss is never below 0: what looks like a gain without training is chance.

    Parameters
    ----------
    compression
        Quantizer, and where it begins.
    recordings
        How many, drawn from the split by `seed`.
    """
    drawn = np.random.default_rng(seed).permutation(len(split))[:recordings]
    chosen = FrameSplit(split.frames[np.sort(drawn)], split.labels[np.sort(drawn)])
    net = copy.deepcopy(net).eval()
    place = next(net.parameters()).device
    batches = [frames.to(place) for frames in frame_batches(chosen, batch_size)]
    labels = torch.from_numpy(chosen.labels).to(place).split(batch_size)
    activity = profile(net, batches, name="float", operations=False)
    # Layer by layer, as options are: layers that sum into one neuron are not put together here.
    workload = Workload(name="float", layers=tuple(one.layer for one in activity.layers))
    base = _loss(net, batches, labels)
    layers = []
    for name, weights in [(name, layer.weight.numel()) for name, layer in weight_layers(net)]:
        damage, zeros = [], []
        for option in options:
            tried = copy.deepcopy(net)
            prepare(tried, only(compression, name, option))
            damage.append(max(0.0, _loss(tried, batches, labels) - base))
            zeros.append(next(s.sparsity for s in summary(tried).layers if s.name == name))
        layers.append(ExploredLayer(name, weights, tuple(damage), tuple(zeros)))
    silent = sum(float(rate_loss(torch.zeros(len(y), classes), y.cpu())) * len(y) for y in labels)
    silent /= len(chosen)
    return ExploreResult(base, silent, tuple(layers), workload)


def only(compression: CompressionConfig, layer: str, option: Option) -> CompressionConfig:
    """Return a compression of one layer alone."""
    return CompressionConfig(
        quantizer=compression.quantizer,
        rounding=compression.rounding,
        initializer=compression.initializer,
        layer_bits={layer: option.bits},
        layer_sparsity={layer: option.sparsity},
        layers=(layer,),
    )


def _loss(net: nn.Module, batches: Sequence[torch.Tensor], labels: Sequence[torch.Tensor]) -> float:
    total, count = 0.0, 0
    with torch.no_grad():
        reestimate_batchnorm(net, batches)
        net.eval()
        for frames, wanted in zip(batches, labels, strict=True):
            total += float(rate_loss(net(frames), wanted)) * len(wanted)
            count += len(wanted)
    return total / count
