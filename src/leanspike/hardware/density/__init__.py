"""Density models: how many non-zeros a tile of a sparse tensor holds."""

from leanspike.hardware.density.banded import Banded as Banded
from leanspike.hardware.density.choose import density_model as density_model
from leanspike.hardware.density.measured import Measured as Measured
from leanspike.hardware.density.model import DensityModel as DensityModel
from leanspike.hardware.density.model import Occupancies as Occupancies
from leanspike.hardware.density.structured import Blocks as Blocks
from leanspike.hardware.density.structured import FixedStructured as FixedStructured
from leanspike.hardware.density.structured import NOfM as NOfM
from leanspike.hardware.density.uniform import Uniform as Uniform
