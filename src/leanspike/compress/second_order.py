"""Compression without training: every layer pruned and quantized by its curvature.

The optimal brain surgeon row by row (Frantar and Alistarh, OBC, arXiv 2208.11580, equations 3 and
7): to set weight p of a row w with Hessian H to q costs ``(w_p - q) ** 2 / (2 [H^-1]_pp)``, if the
other weights move by ``-(w_p - q) / [H^-1]_pp * H^-1_:p``. A row's Hessian here is
``sum(g ** 2 x x^T)`` over its uses: x is what it meets, g the derivative of the network's outputs
by what it puts out, through the spikes' surrogates, so that an error counts where neurons are near
their threshold. With uses taken as independent that is the Gauss-Newton matrix of the outputs'
squared error, in one unit for all rows and layers.

Layers go in the order in which they run. Each is first fitted anew to the sums it had in the whole
network, from the spikes that the compressed layers before it now send.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor, nn

from leanspike.arrays import Reals
from leanspike.compress.batchnorm import reestimate_batchnorm
from leanspike.compress.config import CompressionConfig
from leanspike.compress.layers import WeightLayer, weight_layers
from leanspike.compress.masks import draw_masks
from leanspike.compress.parametrization import attach, compressed
from leanspike.compress.preparing import make_quantizers, prepare
from leanspike.errors import InputError

USES = 4096
"""Uses of a layer that its curvature is taken from, at most about."""
DAMPING = 0.01
"""Added to a Hessian's diagonal, in means of it (GPTQ, arXiv 2210.17323, section 3)."""
EVEN = 0.5
"""Share of a row's mean g ** 2 in the weight of each use: a row that hardly ever matters on a few
hundred recordings still keeps the shape of its inputs."""

Run = Callable[[nn.Module, Any], Any]
compiled: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})


def compress_one_shot(
    model: nn.Module,
    config: CompressionConfig,
    batches: Iterable[Any],
    *,
    run: Run | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Prune and quantize a trained network without training it, in place.

    Parameters
    ----------
    model
        Trained, not prepared; ends prepared, its latent weights on the grid of its quantizers.
    config
        Sparsity, bits and layers. With scope ``"global"`` the curvature says how much of each
        layer is pruned, with another scope that does, from magnitudes. Quantizers: ``"duq"`` and
        ``"uniform"``.
    batches
        A few hundred recordings in batches; gone through several times, so a list.
    run
        How to call the model on a batch for its outputs, ``model(batch)`` by default; reset
        neurons here where a framework needs it.
    seed
        Of the uses that are drawn and of the outputs' random directions.

    Returns
    -------
    dict of float
        Per layer the rise of the outputs' squared error, by that estimate.

    Raises
    ------
    InputError
        Nothing to do, a structure or quantizer it does not know, a model prepared before, too few
        recordings for a layer's statistics, or a layer of which no weight would be left.
    """
    batches = list(batches)
    _check(model, config)
    layers = dict(weight_layers(model, only=config.layers))
    run = run or (lambda model, batch: model(batch))
    was_training = model.training
    model.eval()
    try:
        uses = _Uses(model, layers, batches, run, seed)
        layers = uses.layers
        met, slopes = uses.inputs(model), uses.slopes(model)
        for name, layer in layers.items():
            found, needed = len(met[name]), layer.weight[0].numel()
            if found < needed:
                raise InputError(
                    f"{found} uses cannot tell what its rows of {needed} weights are worth",
                    where=f"layer {name!r}",
                    remedy="Give more recordings: a few hundred",
                )
        rows = {name: _Rows.of(layer, met[name], slopes[name]) for name, layer in layers.items()}
        counts = _counts(layers, rows, config)
        rise = {}
        masks = {}
        quantizers = {}
        for name, layer in layers.items():
            own = rows[name].refitted(uses.inputs(model, only=name)[name])
            own.prune(counts[name])
            mask = torch.from_numpy(own.kept).reshape(layer.weight.shape)
            masks[name] = mask.to(layer.weight.device)
            own.write(layer)
            made = make_quantizers([(name, layer)], config, masks)
            if name in made:
                quantizers[name] = quantizer = made[name]
                step = quantizer.unit(layer.weight).detach().reshape(-1).double().cpu().numpy()
                own.round(step, quantizer.largest)
                own.write(layer)
            rise[name] = own.rise()
            _fit_norms(model, batches, run)
    finally:
        model.train(was_training)
    kept = {name: mask.float() for name, mask in masks.items()}
    whole = sum(mask.numel() for mask in masks.values())
    pruned = sum(int((~mask).sum()) for mask in masks.values())
    masked = CompressionConfig(sparsity=pruned / whole, layers=config.layers)
    prepare(model, masked, scores=kept)
    for name, quantizer in quantizers.items():
        attach(layers[name]).quantizer = quantizer
    return rise


def _check(model: nn.Module, config: CompressionConfig) -> None:
    if not config.sparsity and config.weight_bits is None and not config.layer_bits:
        raise InputError("nothing to do", where="config", remedy="Give bits, a sparsity or both")
    if config.structure != "element" or config.layer_sparsity:
        raise InputError(
            "it prunes single weights, of all layers together",
            where="structure" if config.structure != "element" else "layer_sparsity",
        )
    if config.quantizer not in ("duq", "uniform"):
        raise InputError(
            f"{config.quantizer!r} has no even grid that stays; there are duq, uniform",
            where="quantizer",
        )
    for name, layer in weight_layers(model, only=config.layers):
        if compressed(layer) is not None:
            raise InputError(
                "it is prepared already",
                where=f"layer {name!r}",
                remedy="Compress the trained float network",
            )


class _Uses:
    """Which uses of each layer are recorded: the same ones in every pass over the batches."""

    def __init__(
        self,
        model: nn.Module,
        layers: dict[str, WeightLayer],
        batches: list[Any],
        run: Run,
        seed: int,
    ) -> None:
        self.batches, self.run, self.seed = batches, run, seed
        calls: dict[str, int] = {}

        def count(name: str, *_: Any) -> None:
            calls[name] = calls.get(name, 0) + 1

        if not batches:
            raise InputError("no batch was given", where="batches")
        with _hooked(layers, count), torch.no_grad():
            run(model, batches[0])
        for name in layers:
            if name not in calls:
                raise InputError("it never ran", where=f"layer {name!r}")
        # In the order in which they run, which decides what a layer's input has been through.
        self.layers = {name: layers[name] for name in calls}
        self.share = {name: max(1, USES // (count * len(batches))) for name, count in calls.items()}
        self.number = {name: i for i, name in enumerate(calls)}
        self.total = dict.fromkeys(calls, 0)

    def drawn(self, name: str, call: int, uses: int) -> Tensor:
        """Give the indices of the uses that are recorded of one call of a layer."""
        generator = torch.Generator().manual_seed(
            (self.seed * 1_009 + self.number[name]) * 1_000_003 + call
        )
        return torch.randperm(uses, generator=generator)[: self.share[name]]

    def inputs(self, model: nn.Module, *, only: str | None = None) -> dict[str, Tensor]:
        """Record what rows meet, float ``[uses, groups, weights of a row]``."""
        found: dict[str, list[Tensor]] = {}

        def record(name: str, layer: WeightLayer, x: Tensor, output: Tensor) -> None:
            kept = found.setdefault(name, [])
            uses = output.numel() // layer.weight.shape[0]
            kept.append(patches(layer, x, self.drawn(name, len(kept), uses)).float().cpu())

        layers = {n: layer for n, layer in self.layers.items() if only in (None, n)}
        with _hooked(layers, record), torch.no_grad():
            for batch in self.batches:
                self.run(model, batch)
        return {name: torch.cat(parts) for name, parts in found.items()}

    def slopes(self, model: nn.Module) -> dict[str, Tensor]:
        """Record the outputs' derivative by what rows put out, ``[uses, rows]``.

        Along one random direction a batch: the square's expectation is the sum over all outputs.
        """
        found: dict[str, list[Tensor]] = {name: [] for name in self.layers}
        self.total = dict.fromkeys(self.layers, 0)
        for number, batch in enumerate(self.batches):
            made: dict[str, list[Tensor]] = {name: [] for name in self.layers}

            def keep(
                name: str, _: WeightLayer, __: Tensor, output: Tensor, made: Any = made
            ) -> None:
                if not output.requires_grad:  # where a network's weights are frozen
                    output.requires_grad_()
                made[name].append(output)

            with _hooked(self.layers, keep), torch.enable_grad():
                outputs = self.run(model, batch)
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
            direction = torch.randn(outputs.shape, generator=generator).to(outputs)
            flat = [output for outputs in made.values() for output in outputs]
            with torch.enable_grad():
                along = (outputs * direction).sum()
            slopes = iter(torch.autograd.grad(along, flat, allow_unused=True))
            for name, layer in self.layers.items():
                for output in made[name]:
                    slope = next(slopes)
                    slope = torch.zeros_like(output) if slope is None else slope
                    axis = -1 if isinstance(layer, nn.Linear) else -1 - len(layer.kernel_size)
                    by_use = slope.movedim(axis, -1).reshape(-1, layer.weight.shape[0])
                    index = self.drawn(name, len(found[name]), len(by_use))
                    found[name].append(by_use[index].float().cpu())
                    self.total[name] += len(by_use)
        # Each recorded use stands for as many as there were.
        return {
            name: torch.cat(parts) * (self.total[name] / sum(map(len, parts))) ** 0.5
            for name, parts in found.items()
        }


class _hooked:
    """Call a function with every layer's name, module, input and output while it is open."""

    def __init__(self, layers: Mapping[str, WeightLayer], function: Callable[..., None]) -> None:
        self.layers, self.function = layers, function

    def __enter__(self) -> None:
        def hook(name: str) -> Callable[..., None]:
            return lambda layer, args, output: self.function(name, layer, args[0], output)

        self.handles = [
            layer.register_forward_hook(hook(name)) for name, layer in self.layers.items()
        ]

    def __exit__(self, *_: object) -> None:
        for handle in self.handles:
            handle.remove()


def patches(layer: WeightLayer, x: Tensor, index: Tensor) -> Tensor:
    """Give what a layer's rows meet in some of its uses.

    Parameters
    ----------
    layer
        Dense, or a convolution of any number of dimensions, stride, padding, dilation, groups.
    x
        Its input, ``[..., C]`` or ``[N, C, *spatial]``.
    index
        Uses, counted over the output ``[..., M]`` without its channels.

    Returns
    -------
    Tensor
        ``[len(index), groups, weights of a row]``.
    """
    if isinstance(layer, nn.Linear):
        return x.reshape(-1, 1, x.shape[-1])[index]
    spatial = len(layer.kernel_size)
    x = x.reshape(-1, *x.shape[-spatial - 1 :])
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    x = nn.functional.pad(x, layer._reversed_padding_repeated_twice, mode=mode).contiguous()
    kernel, step, apart = layer.kernel_size, layer.stride, layer.dilation
    out = [
        (size - d * (k - 1) - 1) // s + 1
        for size, k, s, d in zip(x.shape[2:], kernel, step, apart, strict=True)
    ]
    own = x.stride()[2:]
    windows = x.as_strided(
        (len(x), *out, x.shape[1], *kernel),
        (
            x.stride(0),
            *(a * s for a, s in zip(own, step, strict=True)),
            x.stride(1),
            *(a * d for a, d in zip(own, apart, strict=True)),
        ),
    )
    return windows[torch.unravel_index(index, (len(x), *out))].reshape(len(index), layer.groups, -1)


@dataclass
class _Rows:
    """A layer's rows with what their curvature is taken from.

    Attributes
    ----------
    weight, kept
        float64 and bool ``[M, n]``.
    met
        ``[uses, groups, n]``.
    importance
        ``[uses, M]``, weight of each use in a row's Hessian.
    wanted
        ``[uses, M]``, the sums in the network as it was.
    """

    weight: Reals
    kept: np.ndarray[Any, np.dtype[np.bool_]]
    met: Tensor
    importance: Tensor
    wanted: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.wanted = self._sums()

    @classmethod
    def of(cls, layer: WeightLayer, met: Tensor, slopes: Tensor) -> _Rows:
        """Begin with a layer's own weights, all kept."""
        squares = slopes.square()
        mean = squares.mean(0, keepdim=True)
        # Rows on which no output depends, here, are the first to go, but by their weights' order.
        least = squares.mean() * 1e-6 + torch.finfo(squares.dtype).tiny
        weight = layer.weight.detach().flatten(1).double().cpu().numpy().copy()
        importance = (EVEN * mean + (1 - EVEN) * squares).clamp(min=least)
        return cls(weight, np.ones(weight.shape, np.bool_), met, importance)

    def hessian(self, row: int, *, of: Tensor | None = None) -> tuple[Tensor, float]:
        """Give a row's Hessian, undamped, float64 ``[n, n]``, and its damping."""
        x = self._met_by(row) if of is None else of
        hessian = ((x * self.importance[:, row, None]).T @ x).double()
        return hessian, DAMPING * float(hessian.diagonal().mean()) + 1e-30

    def _met_by(self, row: int) -> Tensor:
        return self.met[:, row * self.met.shape[1] // len(self.weight)]

    def inverse(self, row: int) -> Reals:
        """Give the inverse of the damped Hessian over the weights that are kept."""
        kept = torch.from_numpy(self.kept[row])
        hessian, damping = self.hessian(row, of=self._met_by(row)[:, kept])
        hessian.diagonal().add_(damping)
        found = torch.cholesky_inverse(torch.linalg.cholesky(hessian))
        # Rows in memory one after another: `eliminate` goes along them.
        return np.ascontiguousarray(found.numpy())

    def traces(self) -> Reals:
        """Give what each further weight of a row costs, ``[M, n]``, ascending in each row."""
        found = np.empty(self.weight.shape)
        for row, weight in enumerate(self.weight):
            free = np.ones(len(weight), np.bool_)
            eliminate(weight.copy(), self.inverse(row), free, len(weight), 0.0, 0, found[row])
        return np.maximum.accumulate(found, axis=1)

    def refitted(self, met: Tensor) -> _Rows:
        """Fit the rows to their sums, now that they meet something else: damped least squares."""
        now = _Rows(self.weight.copy(), self.kept.copy(), met, self.importance)
        now.wanted = self.wanted
        for row in range(len(self.weight)):
            weight = torch.from_numpy(self.weight[row])
            x = now._met_by(row)
            hessian, damping = now.hessian(row)
            wanted = (x.T @ (self.importance[:, row] * self.wanted[:, row])).double()
            hessian.diagonal().add_(damping)
            now.weight[row] = torch.linalg.solve(hessian, wanted + damping * weight).numpy()
        return now

    def prune(self, counts: np.ndarray[Any, np.dtype[np.int64]]) -> None:
        """Prune so many weights of each row."""
        for row, count in enumerate(counts.tolist()):
            if count:
                losses = np.empty(count)
                weight, free = self.weight[row].copy(), self.kept[row].copy()
                eliminate(weight, self.inverse(row), free, count, 0.0, 0, losses)
                self.weight[row], self.kept[row] = weight * free, free

    def round(self, steps: Reals, largest: int) -> None:
        """Round the weights that are kept to whole multiples of each row's step."""
        for row in range(len(self.weight)):
            kept = self.kept[row]
            if not kept.any():
                continue
            weight = self.weight[row, kept]
            losses, free = np.empty(len(weight)), np.ones(len(weight), np.bool_)
            step = float(steps[row if len(steps) > 1 else 0])
            eliminate(weight, self.inverse(row), free, len(weight), step, largest, losses)
            self.weight[row, kept] = weight

    def rise(self) -> float:
        """Give half the squared error of the sums, each use by its importance."""
        apart = self._sums() - self.wanted
        return float((apart.square() * self.importance).sum()) / 2

    def _sums(self) -> Tensor:
        groups = self.met.shape[1]
        weight = torch.from_numpy(self.weight).float().unflatten(0, (groups, -1))
        return torch.einsum("ugn,gmn->ugm", self.met, weight).flatten(1)

    @torch.no_grad()
    def write(self, layer: WeightLayer) -> None:
        """Put the weights into the layer."""
        layer.weight.copy_(torch.from_numpy(self.weight).reshape(layer.weight.shape))


def _counts(
    layers: Mapping[str, WeightLayer], rows: Mapping[str, _Rows], config: CompressionConfig
) -> dict[str, np.ndarray[Any, np.dtype[np.int64]]]:
    """Give how many weights each row of each layer loses."""
    if not config.sparsity:
        return {name: np.zeros(len(own.weight), np.int64) for name, own in rows.items()}
    traces = {name: torch.from_numpy(own.traces()) for name, own in rows.items()}
    if config.scope == "global":
        groups = [(list(traces), config.sparsity)]
    else:
        sizes = {name: layer.weight.detach().abs() for name, layer in layers.items()}
        drawn = draw_masks(sizes, config.sparsity, scope=config.scope)
        groups = [([name], float((~mask).float().mean())) for name, mask in drawn.items()]
    counts = {}
    for names, sparsity in groups:
        masks = draw_masks({name: traces[name] for name in names}, sparsity)
        for name, mask in masks.items():
            counts[name] = (~mask).sum(1).numpy()
    for name, layer in layers.items():
        if int(counts[name].sum()) == layer.weight.numel():
            raise InputError(
                f"none of its {layer.weight.numel()} weights would be left at {config.sparsity:g}",
                where=f"layer {name!r}",
                remedy="Ask for less, or choose the scope lamp, which keeps one in every layer",
            )
    return counts


def _fit_norms(model: nn.Module, batches: list[Any], run: Run) -> None:
    if any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.modules()):
        reestimate_batchnorm(model, batches, run=run)


@compiled
def eliminate(
    weight: Any, inverse: Any, free: Any, count: int, step: float, largest: int, losses: Any
) -> None:
    """Set one weight after another to its value, the one that costs least first.

    Parameters
    ----------
    weight
        A row [n], float64; changed.
    inverse
        Inverse of the Hessian of its free weights [n, n]; changed.
    free
        bool [n], which weights may still move; changed.
    count
        How many to set.
    step, largest
        A weight is set to the nearest multiple of the step, up to the largest; to zero where the
        step is 0.
    losses
        Out [count]: what each costs.
    """
    n = len(weight)
    for k in range(count):
        p, least, value = -1, np.inf, 0.0
        for i in range(n):
            if free[i]:
                near = 0.0
                if step > 0:
                    near = step * min(max(np.rint(weight[i] / step), -largest), largest)
                apart = weight[i] - near
                loss = apart * apart / inverse[i, i]
                if loss < least:
                    p, least, value = i, loss, near
        losses[k] = least / 2
        free[p] = False
        pivot = 1 / inverse[p, p]
        move = (weight[p] - value) * pivot
        weight[p] = value
        for i in range(n):
            across = inverse[i, p]
            if free[i] and across != 0:
                weight[i] -= move * across
                for j in range(n):
                    inverse[i, j] -= across * pivot * inverse[p, j]
