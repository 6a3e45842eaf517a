"""What a layer of neurons computes, as one frozen and checked record."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from leanspike.errors import InputError

NeuronKind = Literal["if", "lif", "plif"]
Reset = Literal["hard", "soft"]
SurrogateName = Literal["atan", "sigmoid", "fast_sigmoid", "triangle", "super_spike"]


@dataclass(frozen=True)
class NeuronConfig:
    """The dynamics of one layer of neurons.

    With input x, membrane potential v, charged potential h and spike s, at every step::

        if:    h = v + x
        lif:   h = v + (x - (v - v_reset)) / tau
        plif:  h = v + (x - (v - v_reset)) * sigmoid(w),   w learned, starting at 1/tau
        spike: s = h >= threshold + adaptation * a
        hard:  v = (1 - s) * h + s * v_reset
        soft:  v = h - s * threshold
        adapt: a = exp(-1 / adaptation_tau) * a + s

    v starts at ``v_reset``, a at 0. The default is the neuron of Schaefer et al. 2023 (arXiv
    2302.04174): LIF, tau 2, threshold 1, hard reset to 0 detached from the gradient, arctan
    surrogate with alpha 2. PLIF is Fang et al. 2021 (arXiv 2007.05785, eq. 4-7); the adaptive
    threshold is Bellec et al. 2018 (arXiv 1803.09574).

    Parameters
    ----------
    kind
        ``"if"``, ``"lif"`` or ``"plif"``.
    tau
        Membrane time constant in steps, at least 1; one number, or one per channel.
    threshold
        Potential at which a neuron fires, above ``v_reset``.
    reset
        ``"hard"`` (to ``v_reset``) or ``"soft"`` (minus ``threshold``).
    v_reset
        Reset and resting potential.
    surrogate, alpha
        Surrogate gradient and its sharpness; see :mod:`leanspike.nn.surrogate`.
    detach_reset
        Whether the gradient ignores that a spike resets the potential.
    adaptation
        How much each recent spike raises the threshold; 0 switches it off.
    adaptation_tau
        Steps in which the raised threshold decays to 1/e.
    recurrent
        Whether the layer's previous spikes return to it through learned weights.

    >>> NeuronConfig(tau=3.0).tau
    3.0
    """

    kind: NeuronKind = "lif"
    tau: float | tuple[float, ...] = 2.0
    threshold: float = 1.0
    reset: Reset = "hard"
    v_reset: float = 0.0
    surrogate: SurrogateName = "atan"
    alpha: float = 2.0
    detach_reset: bool = True
    adaptation: float = 0.0
    adaptation_tau: float = 20.0
    recurrent: bool = False

    def __post_init__(self) -> None:
        _check_choice("kind", self.kind, get_args(NeuronKind))
        _check_choice("reset", self.reset, get_args(Reset))
        _check_choice("surrogate", self.surrogate, get_args(SurrogateName))
        if isinstance(self.tau, list):
            object.__setattr__(self, "tau", tuple(self.tau))
        taus = self.tau if isinstance(self.tau, tuple) else (self.tau,)
        lowest = "above 1 (it starts from sigmoid(w) = 1/tau)" if self.kind == "plif" else ">= 1"
        for tau in taus:
            if not (math.isfinite(tau) and (tau > 1 if self.kind == "plif" else tau >= 1)):
                raise InputError(f"tau is {tau}, expected a number {lowest}", where="NeuronConfig")
        if not taus:
            raise InputError("tau has no values", where="NeuronConfig")
        if not (math.isfinite(self.v_reset) and math.isfinite(self.threshold)):
            raise InputError("threshold and v_reset must be finite", where="NeuronConfig")
        if self.threshold <= self.v_reset:
            raise InputError(
                f"threshold {self.threshold} is not above v_reset {self.v_reset}",
                where="NeuronConfig",
            )
        if not (math.isfinite(self.alpha) and self.alpha > 0):
            raise InputError(f"alpha is {self.alpha}, expected > 0", where="NeuronConfig")
        if not (math.isfinite(self.adaptation) and self.adaptation >= 0):
            raise InputError(
                f"adaptation is {self.adaptation}, expected >= 0", where="NeuronConfig"
            )
        if not (math.isfinite(self.adaptation_tau) and self.adaptation_tau > 0):
            raise InputError(
                f"adaptation_tau is {self.adaptation_tau}, expected > 0", where="NeuronConfig"
            )


def _check_choice(field: str, found: str, expected: tuple[str, ...]) -> None:
    if found not in expected:
        raise InputError(
            f"{field} is {found!r}, expected one of {', '.join(expected)}", where="NeuronConfig"
        )
