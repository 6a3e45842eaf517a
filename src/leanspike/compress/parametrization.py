"""The one thing prepare puts on a layer: quantizer, then mask, then the plain state-dict keys."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils.hooks import RemovableHandle

from leanspike.compress.quantizers import Quantizer, fused

_INSIDE = "parametrizations.weight."
_PARTS = {"quantizer.": "weight_quantizer.", "mask": "weight_mask"}


class CompressedWeight(nn.Module):
    """A torch parametrization of ``weight``: quantize, then mask.

    Attributes
    ----------
    quantizer
        Module from float weights to quantized ones, or None.
    mask
        Bool tensor of the weights' shape, True where a weight stays, or None. It is applied
        last, so a pruned weight is zero whatever the quantizer makes of it, and its gradient is
        zero too. Optimizer moments and weight decay move only the latent weight behind it.
    structure
        What the mask prunes, as in `CompressionConfig`.
    gradient
        Where a tensor is put there before a forward pass, the backward pass adds the loss's
        derivative by every weight the layer computes with, pruned ones included.
    """

    mask: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self.quantizer: Quantizer | None = None
        self.register_buffer("mask", None)
        self.structure = "element"
        self.gradient: Tensor | None = None
        self.handles: tuple[RemovableHandle, ...] = ()

    def forward(self, weight: Tensor) -> Tensor:
        """Give the weights the layer computes with, of the same shape."""
        weight = self._quantized_and_masked(weight)
        if self.gradient is not None and weight.requires_grad:
            weight.register_hook(self._add_gradient)
        return weight

    def _add_gradient(self, gradient: Tensor) -> None:
        if self.gradient is not None:
            self.gradient = self.gradient + gradient.detach()

    def _quantized_and_masked(self, weight: Tensor) -> Tensor:
        if self.quantizer is not None:
            if fused.fits(self.quantizer, weight):
                return fused.quantize(self.quantizer, weight, self.mask)
            weight = self.quantizer(weight)
        if self.mask is not None:
            weight = weight * self.mask
        return weight


def compressed(layer: nn.Module) -> CompressedWeight | None:
    """Give a layer's compression, or None where it has none."""
    if not parametrize.is_parametrized(layer, "weight"):
        return None
    for part in layer.parametrizations.weight:  # type: ignore[union-attr]
        if isinstance(part, CompressedWeight):
            return part
    return None


def attach(layer: nn.Module) -> CompressedWeight:
    """Put an empty compression on a layer, or give the one it has.

    The layer's state dict keeps its plain ``weight`` key; quantizer and mask are saved beside it
    as ``weight_quantizer.*`` and ``weight_mask``.
    """
    present = compressed(layer)
    if present is not None:
        return present
    parametrize.register_parametrization(layer, "weight", CompressedWeight(), unsafe=True)
    attached = compressed(layer)
    assert attached is not None
    attached.handles = (
        layer.register_state_dict_post_hook(_plain_keys),
        layer.register_load_state_dict_pre_hook(_torch_keys),
    )
    return attached


def bake(layer: nn.Module) -> None:
    """Put the weights a compressed layer computes with in the place of its latent ones."""
    attached = compressed(layer)
    assert attached is not None
    for handle in attached.handles:
        handle.remove()
    # Copies of a layer share the class that torch made for it, and removing takes the property
    # `weight` off that class: a class of its own keeps the copies whole.
    kind = type(layer)
    own = {k: v for k, v in vars(kind).items() if k not in ("__dict__", "__weakref__")}
    layer.__class__ = type(kind.__name__, kind.__bases__, own)
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)


def _plain_keys(layer: nn.Module, state: dict[str, Any], prefix: str, _: Any) -> None:
    """Rename torch's parametrization keys to plain ones, after a layer was saved."""
    inside = prefix + _INSIDE
    for key in [key for key in state if key.startswith(inside)]:
        tail = key.removeprefix(inside)
        if tail == "original":
            plain = "weight"
        else:
            plain = tail.removeprefix("0.")
            for part, name in _PARTS.items():
                if plain.startswith(part):
                    plain = name + plain.removeprefix(part)
        state[prefix + plain] = state.pop(key)


def _torch_keys(layer: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Rename plain keys to torch's, before a layer is loaded, and complete a float checkpoint."""
    compression = compressed(layer)
    if compression is None:
        return
    inside = prefix + _INSIDE
    if prefix + "weight" in state:
        state[inside + "original"] = state.pop(prefix + "weight")
    for part, name in _PARTS.items():
        for key in [key for key in state if key.startswith(prefix + name)]:
            state[inside + "0." + part + key.removeprefix(prefix + name)] = state.pop(key)
    weight = state.get(inside + "original")
    if weight is None:
        return
    # A checkpoint from before the compression has neither scales nor mask: the scales are
    # started anew from its weights; the mask stays as it was drawn.
    quantizer, mask = compression.quantizer, compression.mask
    if quantizer is not None and not any(key.startswith(inside + "0.quantizer.") for key in state):
        quantizer.start(weight.to(next(iter(quantizer.state_dict().values()), weight)))
        for key, value in quantizer.state_dict().items():
            state[inside + "0.quantizer." + key] = value
    if mask is not None:
        state.setdefault(inside + "0.mask", mask)
