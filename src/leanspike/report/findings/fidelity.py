"""How far the numbers of a report can be trusted: counted, modelled, or left out."""

from __future__ import annotations

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture
from leanspike.report.findings.finding import whole
from leanspike.study import Results


def fidelity(results: Results) -> tuple[tuple[str, str], ...]:
    """Return what each kind of number is: a label and a text, nothing for a study without points.

    *Counted* are numbers of this very network on these recordings; *modelled* follow from them by
    the hardware model; *left out* is in no number.
    """
    if not results.priced:
        return ()
    first = results.priced[0]
    workload = first.measured.workload
    operations = 1 - workload.left_out_share
    rows = [
        (
            "Counted",
            f"Accuracy, recording by recording, on {first.samples} test recordings; weights, their "
            "zeros and bits; spikes of every layer and step on the same recordings; loops, "
            f"accumulates and membrane updates of {whole(operations)} of the network's "
            "multiply-accumulates.",
        ),
        (
            "Modelled",
            "Energy, cycles and what follows from them. Traffic is expected traffic: where zeros "
            "lie within a layer is taken as random at the counted density. Prices of a read, a "
            "write and an addition come from the components' sources; every layer runs under the "
            "best mapping that the accelerator's rules allow.",
        ),
    ]
    left = [f"{line.strip()}" for line in first.left_out]
    if workload.left_out_share:
        left.insert(0, f"{whole(workload.left_out_share)} of the multiply-accumulates.")
    for name in results.file.hardware.architectures:
        try:
            text = Architecture.load(name).leaves_out.strip()
        except InputError:
            continue  # its file is gone
        if text:
            left.append(f"On {name}: {text}")
    rows.append(("Left out", " ".join(left) or "Nothing that is known of."))
    return tuple(rows)
