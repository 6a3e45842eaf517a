"""What a network's spikes and weights look like when it runs: shapes and densities by layer."""

from leanspike.errors import need

need("torch", extra="train", by=__name__)

from leanspike.activity.measuring import measure, profile
from leanspike.activity.operations import count_operations
from leanspike.activity.records import Activity, LayerActivity
from leanspike.nn import reset_states

__all__ = [
    "Activity",
    "LayerActivity",
    "count_operations",
    "measure",
    "profile",
    "reset_states",
]
