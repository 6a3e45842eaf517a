"""All findings of a study, in the order a report tells them."""

from __future__ import annotations

from leanspike.report.findings.across import across_hardware, refused
from leanspike.report.findings.finding import Finding, Reader
from leanspike.report.findings.hardware import assumptions, densities, empty_layers, encodings
from leanspike.report.findings.study import control, reliability, search
from leanspike.report.findings.weights import (
    pruning,
    pruning_against_quantization,
    quantization,
    together,
)
from leanspike.study import Results


def findings(results: Results) -> tuple[Finding, ...]:
    """Say what a study found; nothing is said of what it did not try.

    A difference in accuracy is called noise when it is within two standard errors
    (:func:`leanspike.study.accuracy_noise`).
    """
    study = Reader(results)
    found = [
        across_hardware(study),
        quantization(study),
        pruning(study),
        pruning_against_quantization(study),
        together(study),
        control(study),
        search(study),
        encodings(study),
        densities(study),
        empty_layers(study),
        refused(study),
        assumptions(study),
        reliability(study),
    ]
    return tuple(finding for finding in found if finding is not None)
