"""What a compressed network weighs, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from leanspike.compress.layers import WeightLayer, weight_layers
from leanspike.compress.parametrization import compressed


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
    """

    layers: tuple[LayerSummary, ...]

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
        """Show the layers as aligned plain text, one a line, and a line for the whole."""
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
        return "\n".join(
            "  ".join(
                cell.ljust(width) if i < 3 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in [head, *rows]
        )


def summary(model: nn.Module) -> Summary:
    """Measure bits, sparsity and size of every weight layer.

    Parameters
    ----------
    model
        Any model with weight layers, prepared, converted or plain. A layer without a quantizer
        counts the width of its float type.

    Raises
    ------
    InputError
        The model has no weight layer.
    """
    return Summary(tuple(_layer(name, layer) for name, layer in weight_layers(model)))


def _layer(name: str, layer: WeightLayer) -> LayerSummary:
    compression = compressed(layer)
    weight = layer.weight.detach()
    quantizer = compression.quantizer if compression is not None else None
    mask = compression.mask if compression is not None else None
    return LayerSummary(
        name=name,
        kind=type(layer).__name__.removeprefix("Parametrized"),
        shape=tuple(weight.shape),
        bits=quantizer.bits if quantizer is not None else weight.element_size() * 8,
        sparsity=float((weight == 0).double().mean()),
        pruned=float((~mask).double().mean()) if mask is not None else 0.0,
        weights=weight.numel(),
    )
