"""Our neurons against other frameworks', to the last bit where the definition is the same."""

import warnings

import pytest
import torch

from leanspike.nn import Neuron, NeuronConfig

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]


def imported(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name, reason=f"{name} is not installed")


def run(neuron, x, weight):
    x = x.clone().requires_grad_()
    spikes = neuron(x)
    (spikes * weight).sum().backward()
    return spikes.detach(), x.grad


def inputs():
    generator = torch.Generator().manual_seed(0)
    x = 3 * torch.randn(20, 4, 33, generator=generator) + 0.5
    return x, torch.randn(x.shape, generator=generator)


@pytest.mark.parametrize("backend", ["numba", "torch"])
@pytest.mark.parametrize("kind", ["if", "lif"])
@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("tau", [2.0, 3.7])
@pytest.mark.parametrize("surrogate", ["atan", "triangle", "super_spike"])
def test_spikingjelly_to_the_last_bit(backend, kind, reset, tau, surrogate):
    imported("spikingjelly")
    from spikingjelly.activation_based import neuron
    from spikingjelly.activation_based import surrogate as surrogates

    theirs = {"atan": "ATan", "triangle": "PiecewiseQuadratic", "super_spike": "SuperSpike"}
    arguments = {
        "surrogate_function": getattr(surrogates, theirs[surrogate])(alpha=2.0),
        "v_threshold": 1.1,
        "v_reset": -0.2 if reset == "hard" else None,
        "detach_reset": True,
        "step_mode": "m",
    }
    peer = neuron.IFNode(**arguments) if kind == "if" else neuron.LIFNode(tau=tau, **arguments)
    config = NeuronConfig(
        kind,
        tau=tau,
        threshold=1.1,
        reset=reset,
        v_reset=-0.2 if reset == "hard" else 0.0,
        surrogate=surrogate,
    )
    if reset == "hard":
        # Both start where their reset is.
        peer.v = -0.2
    spikes, gradient = run(Neuron(config, backend=backend), *inputs())
    peer_spikes, peer_gradient = run(peer, *inputs())
    assert 0.02 < spikes.mean() < 0.9
    assert torch.equal(spikes, peer_spikes)
    assert torch.equal(gradient, peer_gradient)


@pytest.mark.parametrize("detach", [True, False])
@pytest.mark.parametrize("surrogate", ["sigmoid", "atan"])
def test_spikingjelly_where_rounding_may_differ(detach, surrogate):
    imported("spikingjelly")
    from spikingjelly.activation_based import neuron
    from spikingjelly.activation_based import surrogate as surrogates

    function = {"sigmoid": surrogates.Sigmoid, "atan": surrogates.ATan}[surrogate](alpha=3.0)
    peer = neuron.LIFNode(surrogate_function=function, detach_reset=detach, step_mode="m")
    config = NeuronConfig(surrogate=surrogate, alpha=3.0, detach_reset=detach)
    spikes, gradient = run(Neuron(config, backend="numba"), *inputs())
    peer_spikes, peer_gradient = run(peer, *inputs())
    assert torch.equal(spikes, peer_spikes)
    torch.testing.assert_close(gradient, peer_gradient, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("backend", ["numba", "torch"])
def test_spikingjelly_learned_tau(backend):
    imported("spikingjelly")
    from spikingjelly.activation_based import neuron
    from spikingjelly.activation_based import surrogate as surrogates

    peer = neuron.ParametricLIFNode(
        init_tau=3.0, surrogate_function=surrogates.ATan(2.0), detach_reset=True, step_mode="m"
    )
    ours = Neuron(NeuronConfig("plif", tau=3.0), backend=backend)
    with torch.no_grad():
        peer.w.copy_(ours.w)
    spikes, gradient = run(ours, *inputs())
    peer_spikes, peer_gradient = run(peer, *inputs())
    assert torch.equal(spikes, peer_spikes)
    torch.testing.assert_close(gradient, peer_gradient, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(ours.w.grad, peer.w.grad.reshape(()), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("backend", ["numba", "torch"])
@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_snntorch_to_the_last_bit(backend, reset):
    """snnTorch's Leaky with beta 1 is our IF; it resets a step later, which shows nowhere.

    Inputs are multiples of 1/256 and the threshold of 1/16384: no sum is rounded, the order of
    additions, which differs, does not matter, and no sum meets the threshold, where snnTorch stays
    silent and we fire.
    """
    imported("snntorch")
    import snntorch

    mechanism = {"hard": "zero", "soft": "subtract"}[reset]
    leaky = snntorch.Leaky(
        beta=1.0,
        threshold=1 + 1 / 16384,
        spike_grad=snntorch.surrogate.atan(alpha=2.0),
        reset_mechanism=mechanism,
    )

    def peer(x):
        membrane, spikes = leaky.reset_mem(), []
        for current in x:
            s, membrane = leaky(current, membrane)
            spikes.append(s)
        return torch.stack(spikes)

    x, weight = inputs()
    x = (x * 128).round() / 256
    config = NeuronConfig("if", threshold=1 + 1 / 16384, reset=reset)
    spikes, gradient = run(Neuron(config, backend=backend), x, weight)
    peer_spikes, peer_gradient = run(peer, x, weight)
    assert 0.05 < spikes.mean() < 0.9
    assert torch.equal(spikes, peer_spikes)
    torch.testing.assert_close(gradient, peer_gradient, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["fast_sigmoid", "sigmoid", "atan"])
def test_snntorch_surrogates(name):
    imported("snntorch")
    import snntorch

    from leanspike.nn.surrogate import spike

    peer = getattr(snntorch.surrogate, name)(3.0)
    x = torch.linspace(-2, 2, 100).requires_grad_()
    peer(x).sum().backward()
    y = x.detach().clone().requires_grad_()
    spike(y, name, 3.0).sum().backward()
    torch.testing.assert_close(y.grad, x.grad, rtol=1e-5, atol=1e-7)


def test_norse_box_neuron():
    """Norse's LIF box with dt * tau_mem_inv = 1/2 leaks as our tau 2 and fires above threshold."""
    imported("norse")
    from norse.torch.functional.lif_box import (
        LIFBoxFeedForwardState,
        LIFBoxParameters,
        lif_box_feed_forward_step,
    )

    parameters = LIFBoxParameters(tau_mem_inv=torch.tensor(500.0))
    x, _ = inputs()
    state, spikes = LIFBoxFeedForwardState(v=torch.zeros_like(x[0])), []
    for current in x:
        s, state = lif_box_feed_forward_step(current, state, parameters, dt=0.001)
        spikes.append(s)
    assert torch.equal(Neuron()(x), torch.stack(spikes))
