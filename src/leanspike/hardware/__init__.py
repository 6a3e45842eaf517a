"""The hardware side: workloads, architectures, and what running one on the other costs.

Nothing here imports torch. Names are imported when they are first asked for, so that reading a
workload does not load the counting. :func:`~leanspike.hardware.price.price` and
:func:`~leanspike.hardware.search.exhaustive.search` live in the modules of their names.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leanspike.hardware.architecture.architecture import Architecture as Architecture
    from leanspike.hardware.architecture.architecture import preset_names as preset_names
    from leanspike.hardware.explain import explain_switches as explain_switches
    from leanspike.hardware.model.cost import LayerCost as LayerCost
    from leanspike.hardware.model.cost import WorkloadCost as WorkloadCost
    from leanspike.hardware.semantics import Semantics as Semantics
    from leanspike.hardware.workload.workload import Layer as Layer
    from leanspike.hardware.workload.workload import Workload as Workload

_HOMES = {
    "Architecture": "architecture",
    "preset_names": "architecture",
    "LayerCost": "model.cost",
    "WorkloadCost": "model.cost",
    "explain_switches": "explain",
    "Semantics": "semantics",
    "Layer": "workload",
    "Workload": "workload",
}
__all__ = [
    "Architecture",
    "Layer",
    "LayerCost",
    "Semantics",
    "Workload",
    "WorkloadCost",
    "explain_switches",
    "preset_names",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
