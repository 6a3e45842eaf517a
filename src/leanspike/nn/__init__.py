"""Neurons, surrogate gradients, fused kernels, attention and networks."""

from leanspike.errors import need

need("torch", extra="train", by=__name__)

from leanspike.nn.attention import SameConv1d, attend
from leanspike.nn.backend import Backend, choose_backend
from leanspike.nn.dynamics import NeuronState
from leanspike.nn.foreign import Convention, ForeignNetwork, adapt, as_network
from leanspike.nn.kernels.event_convolution import convolve
from leanspike.nn.network import NetworkConfig, SpikingNetwork, build_network, vote
from leanspike.nn.neuron import Neuron, set_backend
from leanspike.nn.neuron_config import NeuronConfig
from leanspike.nn.published import load_published, rename_published
from leanspike.nn.stage import fire
from leanspike.nn.states import reset_states

__all__ = [
    "Backend",
    "Convention",
    "ForeignNetwork",
    "NetworkConfig",
    "Neuron",
    "NeuronConfig",
    "NeuronState",
    "SameConv1d",
    "SpikingNetwork",
    "adapt",
    "as_network",
    "attend",
    "build_network",
    "choose_backend",
    "convolve",
    "fire",
    "load_published",
    "rename_published",
    "reset_states",
    "set_backend",
    "vote",
]
