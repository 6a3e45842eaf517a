"""Compressed formats: what a tile's non-zeros cost to store, and how they are written."""

from leanspike.hardware.formats.codec import EncodedTile as EncodedTile
from leanspike.hardware.formats.codec import decode as decode
from leanspike.hardware.formats.codec import encode as encode
from leanspike.hardware.formats.rank import FORMAT_NAMES as FORMAT_NAMES
from leanspike.hardware.formats.rank import Rank as Rank
from leanspike.hardware.formats.rank import ranks_of as ranks_of
from leanspike.hardware.formats.size import TileSizes as TileSizes
from leanspike.hardware.formats.size import tile_sizes as tile_sizes
