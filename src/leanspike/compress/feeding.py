"""Which weight layers feed which neurons, found in the graph that autograd keeps of one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from leanspike.compress.layers import WeightLayer

_Norm = nn.modules.batchnorm._BatchNorm


def feeding(
    model: nn.Module,
    targets: Mapping[str, nn.Module],
    example: Any,
    *,
    run: Callable[[nn.Module, Any], Any] | None = None,
) -> dict[str, set[str]]:
    """Name what each target's input was computed from.

    Parameters
    ----------
    model
        Run once, in evaluation mode.
    targets
        Neurons by name.
    example
        An input; which values it holds does not matter.
    run
        How to call the model on it, ``model(example)`` by default.

    Returns
    -------
    dict of sets
        Per target the names of the weight layers, batch norms and targets whose outputs reach it
        with none of these between, over all its calls; empty where it never ran or something
        that is not differentiable lies between.
    """
    sources = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, WeightLayer | _Norm) or name in targets
    }
    owner: dict[int, str] = {}
    leaves: list[Tensor] = []  # kept alive: no identity is used twice
    found: dict[str, set[str]] = {name: set() for name in targets}

    def cut(name: str) -> Callable[..., Any]:
        """Start the graph anew at a module's output."""

        def hook(_: nn.Module, __: Any, output: Any) -> Any:
            first, rest = (output[0], output[1:]) if isinstance(output, tuple) else (output, None)
            leaf = first.detach().requires_grad_()
            owner[id(leaf)] = name
            leaves.append(leaf)
            again = leaf.clone()  # not the leaf: what follows may work in place
            return again if rest is None else (again, *rest)

        return hook

    def met(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, args: tuple[Any, ...]) -> None:
            found[name] |= _origins(args[0], owner)

        return hook

    handles = [module.register_forward_hook(cut(name)) for name, module in sources.items()]
    handles += [module.register_forward_pre_hook(met(name)) for name, module in targets.items()]
    was_training = model.training
    model.eval()
    try:
        with torch.enable_grad():
            model(example) if run is None else run(model, example)
    finally:
        model.train(was_training)
        for handle in handles:
            handle.remove()
    return found


def _origins(value: Tensor, owner: Mapping[int, str]) -> set[str]:
    found, seen, rest = set(), set(), [value.grad_fn]
    while rest:
        node = rest.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if leaf is not None and id(leaf) in owner:
            found.add(owner[id(leaf)])
        rest += [before for before, _ in node.next_functions]
    return found
