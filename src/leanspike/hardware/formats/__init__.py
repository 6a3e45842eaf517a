"""Compressed formats: what a tile's non-zeros cost to store, and how they are written."""

from leanspike.hardware.formats.rank import FORMAT_NAMES as FORMAT_NAMES
from leanspike.hardware.formats.rank import Rank as Rank
from leanspike.hardware.formats.size import TileSizes as TileSizes
from leanspike.hardware.formats.size import tile_sizes as tile_sizes
