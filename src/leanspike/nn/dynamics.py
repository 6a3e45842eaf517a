"""The neuron's equations step by step in plain torch: the reference and the fallback."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from leanspike.nn.neuron_config import NeuronConfig
from leanspike.nn.surrogate import spike


class NeuronState(NamedTuple):
    """What a layer of neurons remembers between steps, each ``[N, ...]``."""

    v: Tensor
    """Membrane potential after the reset."""
    a: Tensor | None = None
    """Adaptation: decaying count of spikes; None without an adaptive threshold."""
    s: Tensor | None = None
    """Spikes of the last step; None unless the layer is recurrent."""


def resting_state(config: NeuronConfig, x: Tensor) -> NeuronState:
    """Return the state before the first step for inputs shaped like ``x`` ``[N, ...]``.

    >>> resting_state(NeuronConfig(), torch.ones(1, 2)).v
    tensor([[0., 0.]])
    """
    # float32 at least: bfloat16's 8 bits would lose small charges for good.
    dtype = torch.promote_types(x.dtype, torch.float32)
    return NeuronState(
        v=torch.full_like(x, config.v_reset, dtype=dtype, requires_grad=False),
        a=torch.zeros_like(x, dtype=dtype, requires_grad=False) if config.adaptation else None,
        s=torch.zeros_like(x, requires_grad=False) if config.recurrent else None,
    )


def advance(
    config: NeuronConfig,
    x: Tensor,
    state: NeuronState,
    leak: Tensor | float,
    recurrent: Callable[[Tensor], Tensor] | None = None,
    membrane: Callable[[Tensor], Tensor] | None = None,
) -> tuple[Tensor, NeuronState]:
    """Advance a layer of neurons by one step.

    Parameters
    ----------
    config
        The dynamics; its equations are implemented here as written there.
    x
        Input current ``[N, ...]``.
    state
        The state before the step.
    leak
        tau for LIF (a divisor), sigmoid(w) for PLIF (a factor), unused for IF; a number or a
        tensor that broadcasts to ``x``.
    recurrent
        Maps the last spikes to an additional input; needed where ``config.recurrent``.
    membrane
        Applied to the potential carried over to the next step, after the reset: the fixed-point
        rounding of a chip's memory, say.

    Returns
    -------
    tuple[Tensor, NeuronState]
        Spikes in the shape and type of ``x``, and the state after the step.
    """
    current = x.to(state.v.dtype)
    if recurrent is not None and state.s is not None:
        current = current + recurrent(state.s).to(state.v.dtype)
    v = state.v
    match config.kind:
        case "if":
            h = v + current
        case "lif":
            h = v + (current - (v - config.v_reset)) / leak
        case "plif":
            h = v + (current - (v - config.v_reset)) * leak
    threshold = config.threshold
    if state.a is None:
        s = spike(h - threshold, config.surrogate, config.alpha)
    else:
        s = spike(h - (threshold + config.adaptation * state.a), config.surrogate, config.alpha)
    fired = s.detach() if config.detach_reset else s
    if config.reset == "hard":
        v = fired * config.v_reset + (1.0 - fired) * h
    else:
        v = h - fired * threshold
    if membrane is not None:
        v = membrane(v)
    a = state.a
    if a is not None:
        a = math.exp(-1 / config.adaptation_tau) * a + s
    s = s.to(x.dtype)
    return s, NeuronState(v=v, a=a, s=s if config.recurrent else None)


def run(
    config: NeuronConfig,
    x: Tensor,
    state: NeuronState,
    leak: Tensor | float,
    recurrent: Callable[[Tensor], Tensor] | None = None,
    membrane: Callable[[Tensor], Tensor] | None = None,
) -> tuple[Tensor, NeuronState]:
    """Advance a layer of neurons over a whole sequence ``[T, N, ...]``, one step at a time.

    Returns the spikes ``[T, N, ...]`` and the state after the last step.
    """
    spikes = []
    for current in x:
        s, state = advance(config, current, state, leak, recurrent, membrane)
        spikes.append(s)
    return torch.stack(spikes), state
