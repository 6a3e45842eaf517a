"""Which loops run where and in which order, and all the ways there are."""

from leanspike.hardware.mapping.mapping import Loop as Loop
from leanspike.hardware.mapping.mapping import Mapping as Mapping
