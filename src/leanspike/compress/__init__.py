"""Quantize and prune the weights of any torch network, ready to train and to bake.

``prepare(model, config)`` before training, ``convert(model)`` after it, ``summary(model)`` at any
time; a `Strategy` says in which order and for how long. The descriptions need no torch; the rest is
imported when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from leanspike.compress.config import CompressionConfig, RegrowthConfig, StateConfig
from leanspike.compress.recipes import (
    RECIPE_NAMES,
    RECIPES,
    Recipe,
    Target,
    parse_target,
    recipe_strategy,
)
from leanspike.compress.strategy import (
    PAPER_STRATEGIES,
    Phase,
    Strategy,
    cumulative_strategy,
    dump_strategy,
    gradual_strategy,
    iterative_strategy,
    load_strategy,
    paper_strategy,
    parse_strategy,
)
from leanspike.errors import need

if TYPE_CHECKING:
    from leanspike.compress.batchnorm import fold_batchnorm, reestimate_batchnorm
    from leanspike.compress.calibration import calibrate
    from leanspike.compress.checkpoint import load_state, save_state
    from leanspike.compress.layers import weight_layers
    from leanspike.compress.masks import draw_masks
    from leanspike.compress.phases import apply_phase, begin_phase, rewind
    from leanspike.compress.preparing import convert, prepare
    from leanspike.compress.quantizers import QUANTIZERS, DuQ, Grid, Quantizer
    from leanspike.compress.quantizers.rounding import ewgs, rounding, straight_through
    from leanspike.compress.regrowth import Ramp, Regrowth
    from leanspike.compress.scores import activity_scores, gradient_scores
    from leanspike.compress.second_order import compress_one_shot
    from leanspike.compress.state import prepare_state
    from leanspike.compress.summarizing import LayerSummary, Summary, footprint, summary

_WITH_TORCH = {
    "batchnorm": ("fold_batchnorm", "reestimate_batchnorm"),
    "calibration": ("calibrate",),
    "checkpoint": ("load_state", "save_state"),
    "layers": ("weight_layers",),
    "masks": ("draw_masks",),
    "phases": ("apply_phase", "begin_phase", "rewind"),
    "preparing": ("convert", "prepare"),
    "quantizers": ("QUANTIZERS", "DuQ", "Grid", "Quantizer"),
    "quantizers.rounding": ("ewgs", "rounding", "straight_through"),
    "regrowth": ("Ramp", "Regrowth"),
    "scores": ("activity_scores", "gradient_scores"),
    "second_order": ("compress_one_shot",),
    "state": ("prepare_state",),
    "summarizing": ("LayerSummary", "Summary", "footprint", "summary"),
}

__all__ = [
    "PAPER_STRATEGIES",
    "QUANTIZERS",
    "RECIPES",
    "RECIPE_NAMES",
    "CompressionConfig",
    "DuQ",
    "Grid",
    "LayerSummary",
    "Phase",
    "Quantizer",
    "Ramp",
    "Recipe",
    "Regrowth",
    "RegrowthConfig",
    "StateConfig",
    "Strategy",
    "Summary",
    "Target",
    "activity_scores",
    "apply_phase",
    "begin_phase",
    "calibrate",
    "compress_one_shot",
    "convert",
    "cumulative_strategy",
    "draw_masks",
    "dump_strategy",
    "ewgs",
    "fold_batchnorm",
    "footprint",
    "gradient_scores",
    "gradual_strategy",
    "iterative_strategy",
    "load_state",
    "load_strategy",
    "paper_strategy",
    "parse_strategy",
    "parse_target",
    "prepare",
    "prepare_state",
    "recipe_strategy",
    "reestimate_batchnorm",
    "rewind",
    "rounding",
    "save_state",
    "straight_through",
    "summary",
    "weight_layers",
]


def __getattr__(name: str) -> Any:
    for module, names in _WITH_TORCH.items():
        if name in names:
            need("torch", extra="train", by=__name__)
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
