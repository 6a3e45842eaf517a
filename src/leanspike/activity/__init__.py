"""What a network's spikes and weights look like when it runs: shapes and densities by layer."""

from leanspike.activity.measuring import measure
from leanspike.activity.states import reset_states

__all__ = ["measure", "reset_states"]
