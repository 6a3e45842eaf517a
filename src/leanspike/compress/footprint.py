"""Memory of a network's parameters as hardware would store them."""

from __future__ import annotations

from torch import nn

from leanspike.compress.summary import summary


def footprint(model: nn.Module) -> int:
    """Count the bytes of all parameters and buffers.

    On a float network this is NeuroBench's footprint. On a prepared one the weights count their
    quantized width, scales their float width and masks nothing, pruned weights being zeros.

    Parameters
    ----------
    model
        Any model.

    Returns
    -------
    int
        Bytes, the bits of each layer rounded up.
    """
    stored = {layer.name: -(-layer.size_bits // 8) for layer in summary(model).layers}
    total = sum(stored.values())
    for key, tensor in model.state_dict().items():
        layer, _, last = key.rpartition(".")
        if (last == "weight" and layer in stored) or last == "weight_mask":
            continue
        total += tensor.numel() * tensor.element_size()
    return total
