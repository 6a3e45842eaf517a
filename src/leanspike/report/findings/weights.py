"""Findings on what is done to the weights."""

from __future__ import annotations

from leanspike.report.findings.finding import (
    Finding,
    Reader,
    compared,
    microjoules,
    named,
    percent,
    whole,
)


def quantization(study: Reader) -> Finding | None:
    """How few bits keep the accuracy."""
    group = study.of("quantize")
    kept = study.lossless(group)
    if not group or study.float is None:
        return None
    if not kept:
        top = max(group, key=lambda g: g.accuracy.mean)
        return Finding(
            "Quantization",
            f"Every width tried costs accuracy; {named(top)} comes closest: "
            f"{compared(top, study.float)}.",
        )
    fewest = min(kept, key=lambda g: g.point.weight_bits or 99)
    most = max(group, key=lambda g: g.point.weight_bits or 0)
    text = (
        f"Weights go down to {fewest.point.weight_bits} bits without a loss beyond noise "
        f"({percent(fewest)} against {percent(study.float)}; {compared(fewest, study.float)})."
    )
    if fewest is not most:
        saved = 1 - study.energy(fewest) / study.energy(most)
        text += f" Against {most.point.weight_bits} bits that saves {whole(saved)} of the energy."
    return Finding("Quantization", text)


def pruning(study: Reader) -> Finding | None:
    """How many weights can go."""
    group = study.of("prune")
    kept = study.lossless(group)
    if not group or study.float is None:
        return None
    if not kept:
        top = max(group, key=lambda g: g.accuracy.mean)
        return Finding(
            "Pruning",
            f"Every fraction tried costs accuracy; {named(top)} comes closest: "
            f"{compared(top, study.float)}.",
        )
    most = max(kept, key=lambda g: g.point.sparsity)
    saved = 1 - study.energy(most) / study.energy(study.float)
    return Finding(
        "Pruning",
        f"{whole(most.point.sparsity)} of the weights can go without a loss beyond noise "
        f"({percent(most)} against {percent(study.float)}; {compared(most, study.float)}), "
        f"which saves {whole(saved)} of the energy at the same width.",
    )


def pruning_against_quantization(study: Reader) -> Finding | None:
    """Compare the best of each alone."""
    pair = study.pair()
    if pair is None:
        return None
    quantized, pruned = pair
    ratio = study.energy(pruned) / study.energy(quantized) - 1
    more = "more" if ratio > 0 else "less"
    return Finding(
        "Pruning against quantization",
        f"Each alone and without loss, {named(pruned)} takes {whole(abs(ratio))} {more} "
        f"energy than {named(quantized)} ({microjoules(study.energy(pruned))} against "
        f"{microjoules(study.energy(quantized))}); in accuracy: "
        f"{compared(pruned, quantized)}.",
    )


def together(study: Reader) -> Finding | None:
    """Compare both together with the best of one alone."""
    alone = study.frugal(study.lossless(study.of("quantize", "prune")))
    both = study.frugal(study.lossless(study.of("cumulative", "joint")))
    if alone is None or not study.of("cumulative", "joint"):
        return None
    if both is None:
        return Finding(
            "Both together",
            "Every combination of pruning and quantization tried gives up accuracy against "
            "the float network.",
        )
    change = study.energy(both) / study.energy(alone) - 1
    more = "more" if change > 0 else "less"
    return Finding(
        "Both together",
        f"Without loss beyond noise, {named(both)} takes {whole(abs(change))} {more} energy "
        f"than the best single measure, {named(alone)}.",
    )
