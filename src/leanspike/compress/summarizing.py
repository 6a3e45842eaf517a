"""Memory of a network's parameters as hardware would store them.

What a compressed network weighs, layer by layer.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from leanspike.compress.layers import Uncompressed, WeightLayer, uncompressed, weight_layers
from leanspike.compress.parametrization import compressed
from leanspike.compress.widths import weight_bits


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


@dataclass(frozen=True)
class LayerSummary:
    """One weight layer.

    Attributes
    ----------
    name
        Its name in the model.
    kind
        Its class, without torch's prefix for parametrized classes.
    shape
        Shape of its weights.
    bits
        Bits per weight as stored.
    sparsity
        Fraction of weights that are zero, after quantizer and mask.
    pruned
        Fraction of weights that the mask sets to zero.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    bits: int
    sparsity: float
    pruned: float
    weights: int

    @property
    def size_bits(self) -> int:
        """Bits of all weights, zeros included, uncompressed."""
        return self.weights * self.bits


@dataclass(frozen=True)
class Summary:
    """All weight layers of a network.

    Attributes
    ----------
    layers
        In the order of the model's definition.
    uncompressed
        What else has weights; the totals leave it out.
    """

    layers: tuple[LayerSummary, ...]
    uncompressed: tuple[Uncompressed, ...] = ()

    @property
    def weights(self) -> int:
        """Number of weights."""
        return sum(layer.weights for layer in self.layers)

    @property
    def sparsity(self) -> float:
        """Fraction of all weights that are zero."""
        return sum(layer.sparsity * layer.weights for layer in self.layers) / self.weights

    @property
    def pruned(self) -> float:
        """Fraction of all weights that masks set to zero."""
        return sum(layer.pruned * layer.weights for layer in self.layers) / self.weights

    @property
    def size_bits(self) -> int:
        """Bits of all weights, zeros included."""
        return sum(layer.size_bits for layer in self.layers)

    def table(self) -> str:
        """Show the layers as aligned text, the whole, and what is not compressed, a line each."""
        head = ("layer", "kind", "shape", "bits", "sparsity", "pruned", "kB")
        rows = [
            (
                layer.name,
                layer.kind,
                "x".join(map(str, layer.shape)),
                str(layer.bits),
                f"{layer.sparsity:.2%}",
                f"{layer.pruned:.2%}",
                f"{layer.size_bits / 8000:.2f}",
            )
            for layer in self.layers
        ]
        rows.append(
            (
                "all",
                "",
                f"{self.weights}",
                f"{self.size_bits / self.weights:.3g}",
                f"{self.sparsity:.2%}",
                f"{self.pruned:.2%}",
                f"{self.size_bits / 8000:.2f}",
            )
        )
        widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
        lines = [
            "  ".join(
                cell.ljust(width) if i < 3 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in [head, *rows]
        ]
        lines += [f"not compressed: {other}" for other in self.uncompressed]
        return "\n".join(lines)


def summary(model: nn.Module) -> Summary:
    """Measure bits, sparsity and size of every weight layer.

    Parameters
    ----------
    model
        Any model with weight layers, prepared, converted or plain. A layer without a quantizer
        counts the bits its values take (see `weight_bits`).

    Raises
    ------
    InputError
        The model has no weight layer.
    """
    layers = tuple(_layer(name, layer) for name, layer in weight_layers(model))
    return Summary(layers, uncompressed(model))


def _layer(name: str, layer: WeightLayer) -> LayerSummary:
    compression = compressed(layer)
    weight = layer.weight.detach()
    mask = compression.mask if compression is not None else None
    return LayerSummary(
        name=name,
        kind=type(layer).__name__.removeprefix("Parametrized"),
        shape=tuple(weight.shape),
        bits=weight_bits(layer),
        sparsity=float((weight == 0).double().mean()),
        pruned=float((~mask).double().mean()) if mask is not None else 0.0,
        weights=weight.numel(),
    )
