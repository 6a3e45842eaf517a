"""Forgetting membrane potentials between batches, in every framework's own way."""

from __future__ import annotations

import inspect

from torch import nn

_RESETS = ("reset_states", "reset_mem", "reset")  # sinabs, snnTorch, SpikingJelly and leanspike


def reset_states(model: nn.Module) -> None:
    """Reset every module that keeps a state between calls.

    Calls the first of ``reset_states()``, ``reset_mem()`` and ``reset()`` that a module has and
    that needs no argument. Norse's modules keep none.

    Parameters
    ----------
    model
        Any model.
    """
    for module in model.modules():
        for name in _RESETS:
            reset = getattr(module, name, None)
            if callable(reset) and _needs_nothing(reset):
                reset()
                break


def _needs_nothing(function: object) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return all(
        p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters
    )
