"""What happens to a network as a phase of a strategy begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from leanspike.compress.batchnorm import fold_batchnorm
from leanspike.compress.layers import latent_weight, weight_layers
from leanspike.compress.preparing import prepare, pruned_fraction
from leanspike.compress.second_order import compress_one_shot
from leanspike.compress.state import prepare_state
from leanspike.compress.strategy import Phase
from leanspike.errors import InputError


def begin_phase(
    net: nn.Module,
    phase: Phase,
    *,
    start: Mapping[str, Tensor],
    example: Any = None,
    batches: Iterable[Any] | None = None,
    seed: int = 0,
) -> nn.Module:
    """Fold batch norms, compress, limit state, and rewind, each where a phase asks for it.

    The mask is drawn before the weights are rewound, so from the trained ones.

    Parameters
    ----------
    net
        The network, as the phase before left it.
    phase
        The phase to begin.
    start
        The state dict that the strategy began with, a copy.
    example
        An input of the network, for a phase that folds batch norms or shares scales.
    batches, seed
        Training data, for a phase that compresses in one shot, and its seed.

    Returns
    -------
    nn.Module
        The same `net`; make the optimizer after this.
    """
    if phase.one_shot and batches is None:
        raise InputError("compressing in one shot needs training data", where="begin_phase")
    if phase.ramp and phase.compression is not None:
        # As much as is pruned already; so little that it is none makes masks that prune nothing.
        begin = max(pruned_fraction(net, phase.compression), 1e-12)
        phase = replace(phase, ramp=0, compression=replace(phase.compression, sparsity=begin))
    apply_phase(net, phase, example=example, batches=batches, seed=seed)
    if phase.rewind:
        rewind(net, start)
    return net


def apply_phase(
    net: nn.Module,
    phase: Phase,
    *,
    example: Any = None,
    batches: Iterable[Any] | None = None,
    seed: int = 0,
) -> nn.Module:
    """Put on a network what a phase brings: folded batch norms, compression, limited state.

    Parameters and errors are those of :func:`begin_phase`. The weights stay: a network that is
    built anew for a checkpoint gets every phase this way, without data, and then its weights and
    masks.
    """
    if phase.fold_batchnorm:
        if example is None:
            raise InputError("folding batch norms needs an example input", where="begin_phase")
        fold_batchnorm(net, example)
    if phase.compression is not None and phase.one_shot and batches is not None:
        compress_one_shot(net, phase.compression, batches, seed=seed)
    elif phase.compression is not None:
        prepare(net, phase.compression)
    if phase.state is not None:
        prepare_state(net, phase.state, example=example)
    return net


@torch.no_grad()
def rewind(net: nn.Module, start: Mapping[str, Tensor]) -> nn.Module:
    """Set weights, biases and normalisation back to an earlier state; masks stay as they are.

    Parameters
    ----------
    net
        A network, prepared or not.
    start
        An earlier state dict of it, float or prepared.

    Returns
    -------
    nn.Module
        The same `net`. Scales of quantizers go back too where `start` has them; else they start
        anew from the weights.

    Raises
    ------
    InputError
        `start` lacks a tensor or has it in another shape.
    """
    for name, layer in weight_layers(net):
        key = f"{name}.weight" if name else "weight"
        if key not in start or start[key].shape != latent_weight(layer).shape:
            raise InputError("the earlier state does not fit it", where=f"layer {name!r}")
    state = {k: v for k, v in start.items() if not k.endswith("weight_mask")}
    masks = {k: v for k, v in net.state_dict().items() if k.endswith("weight_mask")}
    net.load_state_dict(state | masks)
    return net
