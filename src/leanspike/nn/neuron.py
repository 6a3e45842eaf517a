"""A layer of neurons as a module: whole sequences, or one step at a time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from leanspike.errors import InputError
from leanspike.nn import dynamics
from leanspike.nn.backend import Backend, check_backend, choose_backend
from leanspike.nn.dynamics import NeuronState
from leanspike.nn.neuron_config import NeuronConfig
from leanspike.nn.sequence import check_same_device, check_sequence


class Neuron(nn.Module):
    """Spiking neurons, one per element of ``[N, ...]``, channels on the axis after N.

    Called on a sequence ``[T, N, ...]`` it starts at rest and returns the spikes of every step
    in the same shape, type and memory layout. :meth:`step` takes one step and hands back the
    state; both give the same spikes and gradients.

    Parameters
    ----------
    config
        The dynamics; see :class:`NeuronConfig`.
    channels
        Channels C of the input ``[T, N, C, ...]``; needed only by recurrent layers.
    backend
        ``"auto"``, ``"torch"``, ``"numba"`` or ``"triton"``.
    store
        Whether the fused kernels keep the membrane potential for the backward pass; by default
        they compute it again, which saves its memory.

    >>> Neuron()(torch.full((3, 1, 2), 1.5))
    tensor([[[0., 0.]],
    <BLANKLINE>
            [[1., 1.]],
    <BLANKLINE>
            [[0., 0.]]])
    """

    def __init__(
        self,
        config: NeuronConfig | None = None,
        *,
        channels: int | None = None,
        backend: Backend = "auto",
        store: bool = False,
    ) -> None:
        super().__init__()
        check_backend(backend)
        self.config = config = config or NeuronConfig()
        self.backend: Backend = backend
        self.store = store
        tau = torch.tensor(config.tau, dtype=torch.float32)
        # What the membrane equation needs: tau itself, or w with sigmoid(w) = 1 / tau.
        self.w = nn.Parameter(-torch.log(tau - 1)) if config.kind == "plif" else None
        self.register_buffer("tau", tau if tau.dim() else None, persistent=False)
        self.membrane: nn.Module | None = None
        """Maps the potential carried from step to step; put there by those who quantize it."""
        self.recurrent: nn.Linear | None = None
        if config.recurrent:
            if channels is None:
                raise InputError("a recurrent layer needs to know its channels", where="Neuron")
            self.recurrent = nn.Linear(channels, channels, bias=False)

    def extra_repr(self) -> str:
        """Show what differs from the default neuron."""
        return f"{self.config}, backend={self.backend!r}"

    def forward(self, x: Tensor) -> Tensor:
        """Map input currents ``[T, N, ...]`` to spikes ``[T, N, ...]``, starting at rest."""
        self._check(x)
        backend = choose_backend(self.backend, x.device) if self.has_kernel else "torch"
        if backend == "numba":
            from leanspike.nn.kernels import cpu_layer

            plan = cpu_layer.Plan(self.config, store=self.store)
            return cpu_layer.fire(x, self.leak(), None, plan)
        if backend == "triton":
            from leanspike.nn.kernels import gpu_layer

            return gpu_layer.fire(x, self.leak(), self.config, store=self.store)
        return self.run(x)[0]

    @property
    def has_kernel(self) -> bool:
        """Whether fused kernels know these dynamics; if not, plain torch runs them."""
        config = self.config
        return not (config.recurrent or config.adaptation or self.membrane is not None)

    def run(self, x: Tensor, state: NeuronState | None = None) -> tuple[Tensor, NeuronState]:
        """Map ``[T, N, ...]`` to spikes and the state after the last step.

        Parameters
        ----------
        x
            Input currents, floating point, T >= 1.
        state
            The state to start from; at rest if None.

        Raises
        ------
        InputError
            If T = 0, the type or device does not fit, or the channels do not match tau's.
        """
        self._check(x)
        if state is None:
            state = dynamics.resting_state(self.config, x[0])
        return dynamics.run(
            self.config, x, state, self._leak_for(x[0]), self._recur(), self.membrane
        )

    def step(self, x: Tensor, state: NeuronState | None = None) -> tuple[Tensor, NeuronState]:
        """Take one step on ``[N, ...]``; returns the spikes and the state to pass back in.

        >>> neuron = Neuron()
        >>> s, state = neuron.step(torch.tensor([[1.5]]))
        >>> s, state.v
        (tensor([[0.]]), tensor([[0.7500]]))
        """
        self._check(x.unsqueeze(0))
        if state is None:
            state = dynamics.resting_state(self.config, x)
        return dynamics.advance(
            self.config, x, state, self._leak_for(x), self._recur(), self.membrane
        )

    def leak(self) -> Tensor | float:
        """Return the membrane equation's coefficient: a number, a scalar, or ``[C]``.

        tau for IF and LIF, sigmoid(w) for PLIF.
        """
        if self.w is not None:
            return torch.sigmoid(self.w)
        if isinstance(self.tau, Tensor):
            return self.tau
        assert isinstance(self.config.tau, float | int)
        return float(self.config.tau)

    def _leak_for(self, x: Tensor) -> Tensor | float:
        """Return the coefficient shaped to broadcast to one step ``[N, C, ...]``."""
        leak = self.leak()
        if isinstance(leak, Tensor) and leak.dim():
            return leak.view(-1, *[1] * (x.dim() - 2))
        return leak

    def _recur(self) -> _ChannelMixer | None:
        return None if self.recurrent is None else _ChannelMixer(self.recurrent)

    def _check(self, x: Tensor) -> None:
        where = type(self).__name__
        check_sequence(x, where=where)
        check_same_device(x, self, where=where)
        choose_backend(self.backend, x.device)
        tau = self.config.tau
        if isinstance(tau, tuple) and (x.dim() < 3 or x.shape[2] != len(tau)):
            raise InputError(
                f"tau has {len(tau)} values, one per channel, but the input is {list(x.shape)}",
                where=where,
            )


class _ChannelMixer:
    """Apply a linear layer along axis 1 of ``[N, C, ...]``."""

    def __init__(self, linear: nn.Linear) -> None:
        self.linear = linear

    def __call__(self, s: Tensor) -> Tensor:
        mixed: Tensor = self.linear(s.movedim(1, -1))
        return mixed.movedim(-1, 1)


def set_backend(model: nn.Module, name: Backend) -> nn.Module:
    """Make every neuron layer of ``model`` use one backend; returns the model.

    Raises
    ------
    InputError
        If the name is unknown. Whether it can run is checked when tensors arrive.
    """
    check_backend(name)
    for module in model.modules():
        if isinstance(module, Neuron):
            module.backend = name
    return model
