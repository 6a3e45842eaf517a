"""Quantize and prune the weights of any torch network, ready to train and to bake.

``prepare(model, config)`` before training, ``convert(model)`` after it, ``summary(model)`` at any
time; a `Strategy` says in which order and for how long.
"""

from leanspike.errors import need

need("torch", extra="train", by=__name__)

from leanspike.compress.batchnorm import fold_batchnorm, reestimate_batchnorm
from leanspike.compress.calibration import calibrate
from leanspike.compress.checkpoint import load_state, save_state
from leanspike.compress.config import CompressionConfig
from leanspike.compress.layers import weight_layers
from leanspike.compress.masks import draw_masks
from leanspike.compress.phases import apply_phase, begin_phase, rewind
from leanspike.compress.preparing import convert, prepare
from leanspike.compress.quantizers import QUANTIZERS, DuQ, Grid, Quantizer
from leanspike.compress.quantizers.rounding import ewgs, rounding, straight_through
from leanspike.compress.recipes import (
    RECIPE_NAMES,
    RECIPES,
    Recipe,
    Target,
    parse_target,
    recipe_strategy,
)
from leanspike.compress.regrowth import Ramp, Regrowth, RegrowthConfig
from leanspike.compress.scores import activity_scores, gradient_scores
from leanspike.compress.second_order import compress_one_shot
from leanspike.compress.state import StateConfig, prepare_state
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
from leanspike.compress.summary import LayerSummary, Summary, footprint, summary

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
