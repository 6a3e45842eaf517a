"""An accelerator: its levels, fan-outs and compute unit, and what their components cost."""

from leanspike.hardware.architecture.architecture import Architecture as Architecture
from leanspike.hardware.architecture.architecture import preset_names as preset_names
