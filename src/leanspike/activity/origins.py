"""Where the values of a tensor come from, followed through every operator a network runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef

_SUMS = {"add", "add_", "sub", "sub_", "rsub"}
_JOINS = {"cat", "stack", "concat", "concatenate"}
_COMPARISONS = {"gt", "ge", "lt", "le", "gt_", "ge_", "lt_", "le_"}
_FRESH = re.compile(r"^(zeros|ones|empty|full|rand|randn|randint)_like$|^new_")
_PRUNE = 4096
Extents = tuple[int, ...]


@dataclass(frozen=True)
class Origin:
    """Where one tensor comes from.

    Attributes
    ----------
    sources
        Products whose outputs reach it without a neuron between, in the order they were joined.
    joined
        How several did: ``"sum"`` (added up), ``"concat"`` (side by side), ``"other"``.
    parameter
        Name of the parameter it was made from, where it was made from parameters alone.
    compared
        Whether it says where a sum exceeded a threshold.
    activated
        Whether it went through an activation that is no neuron (a ReLU, a synaptic filter).
    """

    sources: tuple[str, ...] = ()
    joined: str = ""
    parameter: str = ""
    compared: bool = False
    activated: bool = False


NOWHERE = Origin()


class Origins:
    """Origins by the memory a tensor lies in, so that views share theirs.

    Parameters
    ----------
    model
        Its parameters and buffers are known by name.
    """

    def __init__(self, model: nn.Module) -> None:
        self._known: dict[int, tuple[StorageWeakRef, Origin]] = {}
        self._padded: dict[int, tuple[StorageWeakRef, Tensor, Extents, Extents]] = {}
        named = {**dict(model.named_buffers()), **dict(model.named_parameters())}
        for name, tensor in named.items():
            self.set(tensor, Origin(parameter=name))

    def of(self, tensor: Tensor) -> Origin:
        """Return a tensor's origin, an empty one where nothing is known."""
        key = _memory(tensor)
        found = self._known.get(key) if key is not None else None
        return NOWHERE if found is None or found[0].expired() else found[1]

    def set(self, tensor: Tensor, origin: Origin) -> None:
        """Note the origin of the memory a tensor lies in."""
        key = _memory(tensor)
        if key is None:
            return
        if len(self._known) % _PRUNE == _PRUNE - 1:
            self._known = {k: v for k, v in self._known.items() if not v[0].expired()}
        self._known[key] = (StorageWeakRef(tensor.untyped_storage()), origin)

    def follow(self, name: str, args: Sequence[Any], out: Any) -> None:
        """Give an operator's outputs the origin of its operands."""
        operands = list(tensors(args))
        memory = {_memory(t) for t in operands}
        for result in tensors((out,)):
            key = _memory(result)
            in_place = name.endswith("_")
            if key is None or (key in memory and not in_place):
                continue  # without memory, or a view
            self._padded.pop(key, None)
            origin = NOWHERE if _FRESH.search(name) else self._joined(name, operands, result)
            if origin is not NOWHERE:
                self.set(result, origin)
        if name == "constant_pad_nd":
            self._note_padding(args[0], args[1], args[2] if len(args) > 2 else 0, out)

    def _note_padding(self, inner: Tensor, sides: Sequence[int], value: float, out: Tensor) -> None:
        key = _memory(out)
        if value != 0 or min(sides) < 0 or key is None or key == _memory(inner):
            return
        self._padded = {k: v for k, v in self._padded.items() if not v[0].expired()}
        reference = StorageWeakRef(out.untyped_storage())
        self._padded[key] = (reference, inner, tuple(out.shape), tuple(sides))

    def before_padding(self, tensor: Tensor) -> tuple[Tensor, Sequence[int]] | None:
        """Return what a tensor was before zeros were put around it, and how many; None if none."""
        key = _memory(tensor)
        found = self._padded.get(key) if key is not None else None
        if found is None or found[0].expired() or found[2] != tuple(tensor.shape):
            return None
        return found[1], found[3]

    def _joined(self, name: str, operands: Sequence[Tensor], result: Tensor) -> Origin:
        origins = [self.of(t) for t in operands]
        if operands and all(origin.parameter for origin in origins):
            return Origin(parameter=origins[0].parameter)
        having = [(t, o) for t, o in zip(operands, origins, strict=True) if o.sources]
        if not having:
            return NOWHERE
        first = _union(name, having)
        tells = any(origin.compared for _, origin in having)
        compared = result.dtype is torch.bool and (tells or name in _COMPARISONS)
        return replace(first, compared=compared, parameter="")


def tensors(values: Sequence[Any]) -> Iterator[Tensor]:
    """Give the tensors among arguments, those in lists included."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from tensors(value)
        elif isinstance(value, Mapping):
            yield from tensors(tuple(value.values()))


def _union(name: str, having: Sequence[tuple[Tensor, Origin]]) -> Origin:
    """Join the sources of several tensors."""
    origins = [origin for _, origin in having]
    every = {source for origin in origins for source in origin.sources}
    for origin in origins:
        if every == set(origin.sources):
            return origin
    sizes = [tensor.numel() for tensor, _ in having]
    if name not in _JOINS and min(sizes) < max(sizes):
        # A gate or a bias, spread over the larger one.
        return origins[sizes.index(max(sizes))]
    sources = tuple(dict.fromkeys(source for origin in origins for source in origin.sources))
    how = "sum" if name in _SUMS else "concat" if name in _JOINS else "other"
    kinds = {how, *(origin.joined for origin in origins if len(origin.sources) > 1)}
    return Origin(sources, how if len(kinds) == 1 else "other")


def _memory(tensor: Tensor) -> int | None:
    try:
        return int(tensor.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):
        return None  # sparse or without memory
