"""Networks of other frameworks as this package calls its own: ``[T, N, ...]`` to ``[N, classes]``.

Frameworks differ in how a network takes its time steps (all at once, time or batch first; one a
call, the state kept in the modules or handed on; all made by itself from one image), in what it
gives back (spikes or membranes of every step, of the last one, a mean, several of them in a tuple)
and in how it forgets. :func:`adapt` finds out by trial calls, says what it found, and puts a
:class:`ForeignNetwork` around the network.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from leanspike.errors import InputError
from leanspike.nn.network import SpikingNetwork
from leanspike.nn.states import reset_states

_log = logging.getLogger("leanspike")

Takes = Literal["all", "batch-first", "step", "flat", "flat-batch-first", "own"]
Axes = Literal["TNK", "NTK", "NKT", "NK", "(TN)K", "(NT)K"]
Values = Literal["spikes", "rates", "values"]
Readout = Literal["mean", "max", "last", "sum"]
#: Lengths of axes; None where any will do.
Shape = tuple[int | None, ...]
#: What a tensor of the output turned out to be, from the narrowest on.
Kind = Literal["silent", "spikes", "rates", "values", "other"]

_TAKES: dict[Takes, str] = {
    "all": "all steps a call, time first",
    "batch-first": "all steps a call, batch first",
    "step": "one step a call",
    "flat": "all steps a call, time and batch in one axis",
    "flat-batch-first": "all steps a call, batch and time in one axis",
    "own": "makes its own steps",
}
_FRAMEWORKS = {
    "spikingjelly": "SpikingJelly",
    "snntorch": "snnTorch",
    "norse": "Norse",
    "sinabs": "sinabs",
    "leanspike": "leanspike",
}
#: What a trial call may raise when a network does not take its input so.
_REFUSALS = (
    RuntimeError, ValueError, TypeError, IndexError, AssertionError, AttributeError, KeyError,
    NotImplementedError,
)  # fmt: skip


@dataclass(frozen=True)
class Convention:
    """How a network is called and what of its output is used.

    Attributes
    ----------
    framework
        Where its neurons come from.
    takes
        ``"all"``: ``[T, N, ...]``; ``"batch-first"``: ``[N, T, ...]``; ``"step"``: ``[N, ...]``
        once per step; ``"flat"``: ``[T * N, ...]``; ``"flat-batch-first"``: ``[N * T, ...]``;
        ``"own"``: ``[N, ...]`` once, time steps being its own affair.
    flatten
        Whether the values of a step are put in one axis.
    hands_state
        Whether it gives its state back beside the output and takes it with the next step.
    output
        Which tensor of the output, counted through nested tuples; None where there is but one.
    axes
        Its axes: T steps, N samples, K classes.
    values
        ``"spikes"`` (zeros and ones), ``"rates"`` (0 to 1), or ``"values"`` (membranes, logits).
    readout
        How the steps are summed up into scores.
    outputs
        What the other tensors are, for the description.
    """

    framework: str = "torch"
    takes: Takes = "all"
    flatten: bool = False
    hands_state: bool = False
    output: int | None = None
    axes: Axes = "TNK"
    values: Values = "values"
    readout: Readout = "mean"
    outputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = {"takes": Takes, "axes": Axes, "values": Values, "readout": Readout}
        for name, choices in known.items():
            value = getattr(self, name)
            if value not in get_args(choices):
                raise InputError(
                    f"found {value!r}, expected one of {', '.join(get_args(choices))}", where=name
                )

    def __str__(self) -> str:
        """Say it in one line.

        >>> print(Convention("snnTorch", "step", axes="NK", values="spikes"))
        snnTorch, one step a call, output [N, K] spikes: mean over time
        """
        parts = [self.framework, _TAKES[self.takes]]
        if self.hands_state:
            parts.append("state handed on")
        if self.flatten:
            parts.append("input flattened")
        shape = self.axes.replace("(TN)", "T*N ").replace("(NT)", "N*T ")
        letters = ", ".join(shape.split()) if " " in shape else ", ".join(self.axes)
        if "*" in shape:
            letters = f"{shape.split()[0]}, K"
        line = f"{', '.join(parts)}, output [{letters}] {self.values}"
        if self.output is not None:
            several = ", ".join(self.outputs)
            line = f"{', '.join(parts)}, output ({several}): using {self.values} [{letters}]"
        if "T" in self.axes or self.takes == "step":
            line += f": {self.readout} over time" if self.output is None else (
                f", {self.readout} over time"
            )  # fmt: skip
        return line


class ForeignNetwork(nn.Module):
    """Any network as a map from ``[T, N, ...]`` to scores ``[N, classes]``.

    It shares the network's parameters, buffers and modules under their own names: what is
    prepared, trained or loaded here is so there, and a checkpoint has the network's own keys.
    States are forgotten before every call.

    Parameters
    ----------
    network
        The network; kept as ``.network``.
    convention
        How it is called.
    """

    network: nn.Module

    def __init__(self, network: nn.Module, convention: Convention) -> None:
        super().__init__()
        if not network._modules:  # a layer alone has no name
            network = nn.Sequential(network)
        self.convention = convention
        # Not a child: children would be named after it.
        self.__dict__["network"] = network
        self.__dict__["_modules"] = network._modules
        self.__dict__["_parameters"] = network._parameters
        self.__dict__["_buffers"] = network._buffers
        self.__dict__["_non_persistent_buffers_set"] = network._non_persistent_buffers_set
        self.transient: tuple[str, ...] = ()

    @property
    def training(self) -> bool:
        """The network's mode."""
        network = self.__dict__.get("network")
        return True if network is None else bool(network.training)

    @training.setter
    def training(self, mode: bool) -> None:
        if "network" in self.__dict__:
            self.network.training = mode

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[T, N, ...]`` to scores ``[N, classes]``."""
        how = self.convention
        out = self.outputs(x)
        steps, samples = x.shape[:2]
        if how.axes in ("(TN)K", "(NT)K"):
            apart = (steps, samples) if how.axes == "(TN)K" else (samples, steps)
            out = out.unflatten(0, apart)
        if how.takes == "step" or how.axes in ("TNK", "(TN)K"):
            return _read_out(out, 0, how.readout)
        if how.axes in ("NTK", "(NT)K"):
            return _read_out(out, 1, how.readout)
        return _read_out(out, 2, how.readout) if how.axes == "NKT" else out

    def outputs(self, x: Tensor) -> Tensor:
        """Return the chosen output, its axes as the convention says; stacked over single steps."""
        self.reset_states()
        return _called(self.network, x, self.convention)

    def reset_states(self) -> None:
        """Forget all states."""
        reset_states(self.network)

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """Return the network's, without what only the last batch left there."""
        state: dict[str, Any] = super().state_dict(*args, **kwargs)
        for key in self.transient:
            state.pop(key, None)
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Load the network's own keys."""
        whole = super().state_dict()
        kept = {key: whole[key] for key in self.transient if key in whole}
        return super().load_state_dict({**kept, **state_dict}, strict, assign)


def _read_out(out: Tensor, axis: int, how: Readout) -> Tensor:
    if how == "last":
        return out.select(axis, -1)
    return out.amax(axis) if how == "max" else out.mean(axis) if how == "mean" else out.sum(axis)


def _called(network: nn.Module, x: Tensor, how: Convention) -> Tensor:
    """Call a network on ``[T, N, ...]`` and pick its output."""
    if how.flatten:
        x = x.flatten(2)
    if how.takes == "step":
        state: Any = None
        outs: list[Tensor] = []
        for step in x:
            given = network(step) if not (how.hands_state and outs) else network(step, state)
            if how.hands_state:
                given, state = given
            outs.append(_picked(given, how))
        return torch.stack(outs)
    if how.takes == "own":
        return _picked(network(x[0]), how)
    if how.takes == "all":
        return _picked(network(x), how)
    if how.takes == "flat":
        return _picked(network(x.flatten(0, 1)), how)
    turned = x.transpose(0, 1)
    if how.takes == "flat-batch-first":
        turned = turned.flatten(0, 1)
    return _picked(network(turned), how)


def _picked(given: Any, how: Convention) -> Tensor:
    found = list(_tensors(given))
    if not found:
        raise InputError(f"the network gives a {type(given).__name__}, expected a tensor")
    return found[how.output or 0]


def _tensors(given: Any) -> Iterator[Tensor]:
    if isinstance(given, Tensor):
        yield given
    elif isinstance(given, Mapping):
        for value in given.values():
            yield from _tensors(value)
    elif isinstance(given, tuple | list):
        for value in given:
            yield from _tensors(value)


def as_network(
    network: nn.Module, example: Tensor, *, classes: int | None = None
) -> SpikingNetwork | ForeignNetwork:
    """Return a network that maps ``[T, N, ...]`` to scores ``[N, classes]``.

    Ours and those already adapted are returned as they are, any other by :func:`adapt`, which has
    the parameters; what it found is logged.
    """
    if isinstance(network, SpikingNetwork | ForeignNetwork):
        return network
    foreign = adapt(network, example, classes=classes)
    _log.info("%s: %s", type(network).__name__, foreign.convention)
    return foreign


def adapt(
    network: nn.Module, example: Tensor, *, classes: int | None = None, **known: Any
) -> ForeignNetwork:
    """Find out by trial calls how a network runs, and put it into the form used here.

    Parameters
    ----------
    network
        Any torch module; its weights are not changed.
    example
        Real input ``[T, N, ...]``, two samples at least; static where all steps are equal.
    classes
        How wide the output is; where it is left out, the first output that has the axes of scores
        is taken for them.
    known
        Fields of :class:`Convention` that are not to be found out, such as ``takes="step"`` or
        ``readout="max"``.

    Raises
    ------
    InputError
        When no way of calling it gives scores for every sample: with what each gave. When its
        state outlives a reset. When several ways fit equally.

    >>> net = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    >>> print(adapt(net, torch.rand(5, 2, 4), classes=3).convention)
    torch, all steps a call, time first, output [T, N, K] values: mean over time
    """
    where = type(network).__name__
    if not isinstance(network, nn.Module):
        raise InputError(f"found a {where}, expected a torch module", where="network")
    x = _odd_batch(example, classes)
    static = bool((x == x[:1]).all())
    with _trial(network):
        before = {key: value.detach().clone() for key, value in network.state_dict().items()}
        ways, refused = _ways(network, x, classes=classes, static=static, known=known)
        if not ways:
            wide = "scores of" if classes is None else f"{classes} scores"
            raise InputError(
                f"no way of calling it gives {wide} a sample: {'; '.join(refused)}",
                where=where,
                remedy=f"The data is [T, N, ...] = {list(example.shape)}"
                + (f" of {classes} classes" if classes is not None else ""),
            )
        how = ways[0] if len(ways) == 1 else _with_memory(network, x, ways)
        how = replace(how, **{**_chosen_output(network, x, how, known.get("output")), **known})
        foreign = ForeignNetwork(network, how)
        _check_forgetting(foreign, x, where)
        after = network.state_dict()
        reset_states(network)
    foreign.transient = tuple(
        key
        for key, value in after.items()
        if key not in before
        or before[key].shape != value.shape
        or not torch.equal(before[key], value)
    )
    return foreign


@contextmanager
def _trial(network: nn.Module) -> Iterator[None]:
    """Run trial calls: no gradients, evaluation mode, the caller's randomness untouched."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def _odd_batch(example: Tensor, classes: int | None) -> Tensor:
    """Repeat samples until there are as many as no other axis has, so that theirs is known."""
    taken = {*example.shape[2:], example.shape[0], classes, 1}
    samples = next(n for n in (3, 5, 7, 11, 13, 17, 19, 23) if n not in taken)
    times = -(-samples // example.shape[1])
    return torch.cat([example] * times, dim=1)[:, :samples].float()


def _packages(network: nn.Module) -> set[str]:
    return {
        kind.__module__.partition(".")[0]
        for module in network.modules()
        for kind in type(module).__mro__
    }


def _framework(network: nn.Module) -> str:
    packages = _packages(network)
    return next((shown for name, shown in _FRAMEWORKS.items() if name in packages), "torch")


def _order(network: nn.Module) -> tuple[Takes, ...]:
    """Return ways to call a network, the usual one of its framework first."""
    framework = _framework(network)
    if framework == "SpikingJelly":
        modes = {getattr(m, "step_mode", None) for m in network.modules()} - {None}
        return ("step", "all", "own") if modes == {"s"} else ("all", "own", "step")
    if framework == "snnTorch":
        return ("step", "all", "batch-first", "own")
    if framework == "sinabs":
        return ("batch-first", "flat-batch-first", "all", "step", "own")
    return ("all", "batch-first", "step", "own", "flat", "flat-batch-first")


def _ways(
    network: nn.Module, x: Tensor, *, classes: int | None, static: bool, known: Mapping[str, Any]
) -> tuple[list[Convention], list[str]]:
    """Return the ways of calling that fit, and what the others gave."""
    framework = _framework(network)
    takes = (known["takes"],) if "takes" in known else _order(network)
    fit: list[Convention] = []
    refused: list[str] = []
    for flatten in (known["flatten"],) if "flatten" in known else (False, True):
        if flatten and x.dim() == 3 and "flatten" not in known:
            break
        for way in takes:
            how = Convention(framework, way, flatten)
            found, why = _tried(network, x, how, classes, static)
            if found is not None:
                fit.append(found)
            elif why and not (flatten and refused):
                refused.append(f"{_TAKES[way]}: {why}")
        if fit:
            break
    apart = [how for how in fit if _keeps_samples_apart(network, x, how)] if _doubtful(fit) else fit
    if not apart and all(how.takes.startswith("flat") for how in fit):
        for how in fit:
            refused.append(f"{_TAKES[how.takes]}: samples change one another's output")
        return [], refused
    return apart or fit, refused


def _doubtful(fit: list[Convention]) -> bool:
    return len(fit) > 1 or any(how.takes.startswith("flat") for how in fit)


def _tried(
    network: nn.Module, x: Tensor, how: Convention, classes: int | None, static: bool
) -> tuple[Convention | None, str]:
    reset_states(network)
    given = x.flatten(2) if how.flatten else x
    steps, samples = x.shape[:2]
    try:
        if how.takes in ("step", "own"):
            out = network(given[0])
            again = network(given[0])
            how, out = _state_handed(network, given[0], how, out)
            shapes: dict[Axes, Shape] = {"NK": (samples, classes)}
            own = _own_steps(out, samples, classes)
            makes_steps = bool(own) or (static and _makes_steps(network, out, again))
            if makes_steps != (how.takes == "own"):
                return None, ""
            if own and not static:
                return None, "it makes its own time steps, and the data has steps of its own"
            shapes |= own
        else:
            out = _raw(network, given, how)
            flat = steps * samples, classes
            if how.takes in ("flat", "flat-batch-first"):
                axes: Axes = "(TN)K" if how.takes == "flat" else "(NT)K"
                shapes = {axes: flat, "NK": (samples, classes)}
            else:
                shapes = {
                    "TNK": (steps, samples, classes),
                    "NTK": (samples, steps, classes),
                    "NKT": (samples, classes, steps),
                    "NK": (samples, classes),
                }
    except _REFUSALS as error:
        first = str(error).strip().splitlines()
        return None, f"{type(error).__name__} {first[0][:100] if first else ''}".strip()
    finally:
        reset_states(network)
    found = list(_tensors(out))
    for i, tensor in enumerate(found):
        for axes, shape in shapes.items():
            if _is_shape(tensor, shape):
                several = i if len(found) > 1 else None
                return replace(how, output=several, axes=axes), ""
    sizes = ", ".join(str(list(tensor.shape)) for tensor in found) or type(out).__name__
    return None, f"output {sizes}"


def _raw(network: nn.Module, given: Tensor, how: Convention) -> Any:
    if how.takes in ("batch-first", "flat-batch-first"):
        given = given.transpose(0, 1)
    return network(given.flatten(0, 1) if how.takes.startswith("flat") else given)


def _state_handed(
    network: nn.Module, step: Tensor, how: Convention, out: Any
) -> tuple[Convention, Any]:
    """Find out whether a network gives back its state and takes it with the next step."""
    pair = isinstance(out, tuple) and len(out) == 2
    if not pair or how.takes != "step" or len(_positional(network)) < 2:
        return how, out
    try:
        network(step, out[1])
    except _REFUSALS:
        return how, out
    return replace(how, hands_state=True), out[0]


def _positional(network: nn.Module) -> list[inspect.Parameter]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    found = inspect.signature(network.forward).parameters.values()
    return [parameter for parameter in found if parameter.kind in kinds]


def _is_shape(tensor: Tensor, shape: Shape) -> bool:
    """Return whether a tensor has a shape, None standing for any length."""
    return tensor.dim() == len(shape) and all(
        wanted in (None, found) for found, wanted in zip(tensor.shape, shape, strict=True)
    )


def _own_steps(out: Any, samples: int, classes: int | None) -> dict[Axes, Shape]:
    """Return axes and shape of an output with steps of the network's own; empty without."""
    for tensor in _tensors(out):
        if _is_shape(tensor, (None, samples, classes)):
            return {"TNK": tuple(tensor.shape)}
        if _is_shape(tensor, (samples, None, classes)):
            return {"NTK": tuple(tensor.shape)}
    return {}


def _makes_steps(network: nn.Module, once: Any, again: Any) -> bool:
    """Return whether one call runs all time steps: its state does not differ after another."""
    modes = {getattr(m, "step_mode", None) for m in network.modules()} - {None}
    if modes:
        return modes == {"m"}
    pairs = list(zip(_tensors(once), _tensors(again), strict=False))
    return all(torch.equal(a, b) for a, b in pairs) and not _hidden(network)


def _hidden(network: nn.Module) -> bool:
    """Return whether snnTorch neurons keep their state in themselves."""
    return any(bool(getattr(module, "init_hidden", False)) for module in network.modules())


def _output_of(network: nn.Module, x: Tensor, how: Convention) -> Tensor:
    """Return the chosen output with axes ``[T or 1, N, K]``."""
    reset_states(network)
    torch.manual_seed(0)
    out = _called(network, x, how)
    reset_states(network)
    steps, samples = x.shape[:2]
    if how.axes == "(TN)K":
        return out.unflatten(0, (steps, samples))
    if how.axes == "(NT)K":
        return out.unflatten(0, (samples, steps)).transpose(0, 1)
    if how.axes == "NTK":
        return out.transpose(0, 1)
    if how.axes == "NKT":
        return out.permute(2, 0, 1)
    return out[None] if out.dim() == 2 else out


#: Noise so strong, for networks that are silent on less.
_GAINS = (1.0, 8.0, 64.0)


def _noise(x: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(x.shape, generator=generator).to(x)


def _keeps_samples_apart(network: nn.Module, x: Tensor, how: Convention) -> bool:
    """Return whether a sample's output is its own: another sample's input does not change it."""
    for gain in _GAINS:
        noise = gain * _noise(x)
        other = noise.clone()
        other[:, 0] = noise[:, 0].flip(0).roll(1, -1) + 0.5 * gain
        one, two = (_output_of(network, each, how) for each in (noise, other))
        if not torch.allclose(one[:, 1:], two[:, 1:], rtol=1e-3, atol=1e-4):
            return False
    return True


def _with_memory(network: nn.Module, x: Tensor, ways: list[Convention]) -> Convention:
    """Choose the first way in which earlier steps matter later; the usual one where none does.

    A network without memory gives, for steps in reverse order, its outputs in reverse order.
    """
    for how in ways:
        if how.takes == "own" or x.shape[0] == 1:
            continue
        for gain in _GAINS:
            noise = gain * _noise(x)
            one, two = _output_of(network, noise, how), _output_of(network, noise.flip(0), how)
            if not torch.allclose(one.flip(0), two, rtol=1e-3, atol=1e-4):
                return how
    return ways[0]


def _chosen_output(
    network: nn.Module, x: Tensor, how: Convention, wanted_output: int | None
) -> dict[str, Any]:
    """Choose among several outputs of one shape: the one given, else spikes before membranes."""
    wanted = _output_of(network, x, how).shape
    count = 1 if how.output is None else _count(network, x, how)
    kinds: list[Kind] = []
    for i in range(count):
        each = replace(how, output=None if how.output is None else i)
        kind: Kind | None = None
        for given in (x, *(gain * _noise(x) for gain in _GAINS)):
            try:
                out = _output_of(network, given, each)
            except _REFUSALS:
                break
            if out.shape != wanted:
                break
            kind = _worse(kind, _kind_of(out))
        # Beside others, what never fired are spikes: membranes move with any input.
        silent = kind == "silent" and how.output is not None
        kinds.append("spikes" if silent else kind or "other")
    if how.output is None:
        return {"values": kinds[0] if kinds[0] in get_args(Values) else "values"}
    fits = [i for i, kind in enumerate(kinds) if kind != "other"]
    chosen = next((i for i in fits if kinds[i] == "spikes"), fits[0])
    if wanted_output is not None:
        if wanted_output not in fits:
            raise InputError(
                f"output {wanted_output} is not of the shape of scores; those that are: "
                f"{', '.join(map(str, fits))}",
                where=type(network).__name__,
            )
        chosen = wanted_output
    shown = tuple("membranes" if kind == "values" else kind for kind in kinds)
    found = kinds[chosen] if kinds[chosen] in get_args(Values) else "values"
    return {"output": chosen, "values": found, "outputs": shown}


def _count(network: nn.Module, x: Tensor, how: Convention) -> int:
    given = x.flatten(2) if how.flatten else x
    reset_states(network)
    if how.takes in ("step", "own"):
        out = network(given[0])
        out = out[0] if how.hands_state else out
    else:
        out = _raw(network, given, how)
    reset_states(network)
    return len(list(_tensors(out)))


def _kind_of(out: Tensor) -> Kind:
    if not bool(out.any()):
        return "silent"
    if bool(((out == 0) | (out == 1)).all()):
        return "spikes"
    return "rates" if bool(((out >= 0) & (out <= 1)).all()) else "values"


def _worse(one: Kind | None, two: Kind) -> Kind:
    order = get_args(Kind)
    return two if one is None else max(one, two, key=order.index)


def _check_forgetting(foreign: ForeignNetwork, x: Tensor, where: str) -> None:
    """Refuse a network whose state outlives a reset."""
    for gain in _GAINS[:2]:
        noise = gain * _noise(x)
        torch.manual_seed(0)
        one = foreign(noise)
        torch.manual_seed(0)
        if not torch.allclose(one, foreign(noise), rtol=1e-3, atol=1e-4, equal_nan=True):
            raise InputError(
                "the same input gives other outputs in the next batch: it keeps a state that "
                "no reset clears",
                where=where,
                remedy="Give the module that keeps it a method reset(), or begin forward anew",
            )
