"""The best mapping of a layer: every legal one is considered."""

from leanspike.hardware.search.exhaustive import SearchResult as SearchResult
from leanspike.hardware.search.exhaustive import search as search
from leanspike.hardware.search.exhaustive import search_many as search_many
from leanspike.hardware.search.watch import SearchProgress as SearchProgress
from leanspike.hardware.search.watch import Watch as Watch
