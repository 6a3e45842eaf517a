"""Components: energy, area and leakage, every figure with its source."""

from leanspike.hardware.architecture.components.figure import Figure as Figure
from leanspike.hardware.architecture.components.prices import Prices as Prices
from leanspike.hardware.architecture.components.prices import logic_prices as logic_prices
from leanspike.hardware.architecture.components.prices import storage_prices as storage_prices
