"""What is computed: the layers of a network, with their bits and densities."""

from leanspike.hardware.workload.layer import Bits as Bits
from leanspike.hardware.workload.layer import Densities as Densities
from leanspike.hardware.workload.layer import Density as Density
from leanspike.hardware.workload.layer import Layer as Layer
from leanspike.hardware.workload.layer import Statistic as Statistic
from leanspike.hardware.workload.workload import Workload as Workload
from leanspike.hardware.workload.workload import workload_names as workload_names
