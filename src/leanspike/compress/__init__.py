"""Quantize and prune the weights of any torch network, ready to train and to bake.

``prepare(model, config)`` before training, ``convert(model)`` after it, ``summary(model)`` at any
time; a `Strategy` says in which order and for how long.
"""

from leanspike.compress.checkpoint import load_state, save_state
from leanspike.compress.config import CompressionConfig
from leanspike.compress.layers import weight_layers
from leanspike.compress.masks import draw_masks
from leanspike.compress.preparing import convert, prepare
from leanspike.compress.quantizers import QUANTIZERS, DuQ, Grid, Quantizer
from leanspike.compress.rounding import ewgs, rounding, straight_through
from leanspike.compress.scores import activity_scores, gradient_scores
from leanspike.compress.strategy import PAPER_STRATEGIES, Phase, Strategy, paper_strategy
from leanspike.compress.summary import LayerSummary, Summary, summary

__all__ = [
    "PAPER_STRATEGIES",
    "QUANTIZERS",
    "CompressionConfig",
    "DuQ",
    "Grid",
    "LayerSummary",
    "Phase",
    "Quantizer",
    "Strategy",
    "Summary",
    "activity_scores",
    "convert",
    "draw_masks",
    "ewgs",
    "gradient_scores",
    "load_state",
    "paper_strategy",
    "prepare",
    "rounding",
    "save_state",
    "straight_through",
    "summary",
    "weight_layers",
]
