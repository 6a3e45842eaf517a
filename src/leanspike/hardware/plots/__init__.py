"""Figures for papers, with matplotlib; each function returns a Figure to save or show."""

from leanspike.hardware.plots.energy import energy_figure as energy_figure
from leanspike.hardware.plots.mapspace import mapspace_figure as mapspace_figure
from leanspike.hardware.plots.roofline import RooflinePoint as RooflinePoint
from leanspike.hardware.plots.roofline import roofline_figure as roofline_figure
