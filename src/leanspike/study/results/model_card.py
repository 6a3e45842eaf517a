"""A model card: what a network taken out of its study is, measures and costs, in Markdown.

After Mitchell et al., "Model Cards for Model Reporting" (arXiv 1810.03993), as far as a study
knows.
"""

from __future__ import annotations

from collections.abc import Sequence

from leanspike.study.records import Cost
from leanspike.study.results.point_result import PointResult
from leanspike.study.results.results import Results
from leanspike.study.results.tables import digits


def model_card(results: Results, point: PointResult) -> str:
    """Return the card of one point of a study."""
    measured, trained = point.measured, point.measured.trained
    data = results.data
    lines = [
        f"# {point.point.setting}, seed {point.point.seed}",
        "",
        f"From the study {results.name!r}: {_weights(point)}. {100 * point.sparsity:.1f} % of its "
        f"weights are zero; they take {digits(point.stored_bits / 8000)} kB.",
        "",
        "## Data",
        "",
        f"{data.name} (fingerprint `{data.fingerprint[:16]}`): {data.classes} classes, "
        f"{data.T} frames of {' x '.join(map(str, data.shape))}; "
        f"{' / '.join(map(str, data.recordings))} recordings to train, validate and test.",
        "",
        "## Accuracy",
        "",
        f"{100 * point.accuracy:.2f} % of {point.samples} test recordings, judged once; "
        f"{100 * point.validation_accuracy:.2f} % in validation, by which the weights were chosen.",
    ]
    if point.broken:
        lines += ["", f"**It does not work**: {point.broken}."]
    lines += ["", "## Cost of an inference", ""]
    plain = [cost for cost in point.costs if cost.flipped is None]
    lines += _costs(plain) if plain else ["Not priced."]
    lines += [f"- not priced on {each.architecture}: {each.why}" for each in point.refused[:4]]
    if point.left_out:
        lines += ["", "Not in these numbers:", "", *(f"- {x.strip()}" for x in point.left_out)]
    lines += ["", "## Layers", "", *_layers(point)]
    if trained is not None:
        epochs = ", ".join(str(phase["epochs"]) for phase in trained.recipe.phases)
        lines += ["", "## Training", "", f"Phases of {epochs} epochs; `model.yaml` has them whole."]
        if trained.provenance is not None:
            by = trained.provenance
            packages = ", ".join(f"{name} {version}" for name, version in by.packages.items())
            lines += ["", f"leanspike {by.leanspike}, Python {by.python}, {packages}."]
    lines += ["", f"Weights: sha256 `{measured.sha256}`.", ""]
    return "\n".join(lines)


def _weights(point: PointResult) -> str:
    chosen = point.point
    if chosen.layers:
        each = (f"{x.name} {x.bits} bits {100 * x.sparsity:g} % pruned" for x in chosen.layers)
        return f"each layer in its own way ({'; '.join(each)})"
    bits = f"{chosen.weight_bits}-bit weights" if chosen.weight_bits else "float weights"
    return f"{bits}, {100 * chosen.sparsity:g} % of them pruned"


def _costs(costs: Sequence[Cost]) -> list[str]:
    rows = [
        f"| {cost.architecture} | {cost.format} | {cost.statistic} | "
        f"{digits(cost.energy_pj * 1e-6)} | {digits(cost.latency_s * 1e3)} | {cost.edp_js:.3g} |"
        for cost in costs
    ]
    head = "| accelerator | format | activity | energy uJ | latency ms | EDP J s |"
    return [head, "|---|---|---|---|---|---|", *rows]


def _layers(point: PointResult) -> list[str]:
    rows = [
        f"| {layer.name} | {layer.weights:,} | {layer.bits} | {100 * layer.sparsity:.1f} |"
        for layer in point.layers
    ]
    return ["| layer | weights | bits | zeros % |", "|---|---|---|---|", *rows]
