"""What a neuron module computes, read from leanspike's and SpikingJelly's neurons."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from leanspike.compress.state import FixedPoint
from leanspike.errors import InputError
from leanspike.nn import Neuron

_SPIKINGJELLY = {"IFNode": False, "LIFNode": True, "ParametricLIFNode": True}


@dataclass(frozen=True)
class Dynamics:
    """An integrate-and-fire neuron, leaky or not.

    ``h = v + (x - (v - v_reset)) / tau`` where leaky, ``h = v + x`` where not; a spike where
    ``h >= threshold``; then v is `v_reset` (hard) or ``h - threshold`` (soft).

    Attributes
    ----------
    leaky
        Whether the potential decays.
    tau
        Time constant in steps; 1 where not leaky.
    threshold, v_reset
        Potentials.
    soft
        Whether the reset subtracts the threshold.
    membrane
        How the potential is kept to few bits after the reset, None where it is not.
    """

    leaky: bool
    tau: float
    threshold: float
    v_reset: float
    soft: bool
    membrane: FixedPoint | None = None


def is_neuron(module: nn.Module) -> bool:
    """Tell whether a module is a neuron that can be exported."""
    return isinstance(module, Neuron) or _is_spikingjelly(module)


def _is_spikingjelly(module: nn.Module) -> bool:
    kind = type(module)
    return kind.__module__.startswith("spikingjelly.") and kind.__name__ in _SPIKINGJELLY


def read_dynamics(name: str, module: nn.Module) -> Dynamics:
    """Read the dynamics of a neuron module.

    Parameters
    ----------
    name
        The module's name, for errors.
    module
        A leanspike `Neuron` or SpikingJelly's IFNode, LIFNode or ParametricLIFNode.

    Raises
    ------
    InputError
        Dynamics that integers do not know: recurrence, adaptation, a time constant per channel,
        or an input that does not decay.
    """
    if isinstance(module, Neuron):
        return _read_ours(name, module)
    leaky = _SPIKINGJELLY[type(module).__name__]
    if leaky and not getattr(module, "decay_input", True):
        raise InputError("decay_input=False cannot be exported", where=f"neuron {name!r}")
    if type(module).__name__ == "ParametricLIFNode":
        tau = 1 / float(torch.sigmoid(module.w.detach()))  # type: ignore[operator]
    else:
        tau = float(getattr(module, "tau", 1.0))
    v_reset = getattr(module, "v_reset", 0.0)
    return Dynamics(
        leaky=leaky,
        tau=tau if leaky else 1.0,
        threshold=float(module.v_threshold),  # type: ignore[arg-type]
        v_reset=0.0 if v_reset is None else float(v_reset),
        soft=v_reset is None,
    )


def _read_ours(name: str, module: Neuron) -> Dynamics:
    config = module.config
    if config.recurrent or config.adaptation or isinstance(config.tau, tuple):
        raise InputError(
            "recurrence, adaptation and a time constant per channel cannot be exported",
            where=f"neuron {name!r}",
        )
    if not isinstance(module.membrane, FixedPoint | None):
        raise InputError(
            f"{type(module.membrane).__name__} on its membrane is unknown; prepare_state's is not",
            where=f"neuron {name!r}",
        )
    leak = module.leak()
    if config.kind == "plif":
        assert isinstance(leak, torch.Tensor)
        tau = 1 / float(leak.detach())
    else:
        tau = float(config.tau)
    return Dynamics(
        leaky=config.kind != "if",
        tau=tau if config.kind != "if" else 1.0,
        threshold=config.threshold,
        v_reset=config.v_reset,
        soft=config.reset == "soft",
        membrane=module.membrane,
    )
