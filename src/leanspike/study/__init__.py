"""The sweep: what to try, running it, keeping it, and the Pareto fronts.

Reading results and run files needs no torch; `run_study` and `join_study` do, and are imported
when they are asked for.
"""

from typing import TYPE_CHECKING, Any

from leanspike.hardware.pareto import hypervolume, on_front
from leanspike.study.file.study_file import StudyFile
from leanspike.study.plan.points import LayerChoice, Point, grid
from leanspike.study.records import Cost, LayerPrice, LayerWeights
from leanspike.study.results.point_result import PointResult
from leanspike.study.results.results import Results
from leanspike.study.results.settings import Setting, Spread, accuracy_noise, settings
from leanspike.study.results.tables import MainReading, short_table

if TYPE_CHECKING:
    from leanspike.study.run import join_study, run_study

__all__ = [
    "Cost",
    "LayerChoice",
    "LayerPrice",
    "LayerWeights",
    "MainReading",
    "Point",
    "PointResult",
    "Results",
    "Setting",
    "Spread",
    "StudyFile",
    "accuracy_noise",
    "grid",
    "hypervolume",
    "join_study",
    "on_front",
    "run_study",
    "settings",
    "short_table",
]


def __getattr__(name: str) -> Any:
    if name in ("run_study", "join_study"):
        from leanspike.study import run

        return getattr(run, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
