import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leanspike.errors import InputError
from leanspike.nn import Neuron, NeuronConfig, NeuronState
from leanspike.nn.dynamics import resting_state
from leanspike.nn.surrogate import derivative

KINDS = ["if", "lif", "plif"]


def by_hand(x, config):
    """The equations of NeuronConfig in scalar Python."""
    v, a, out = config.v_reset, 0.0, []
    for current in x:
        if config.kind == "if":
            h = v + current
        else:
            h = v + (current - (v - config.v_reset)) / config.tau
        s = float(h >= config.threshold + config.adaptation * a)
        v = config.v_reset if config.reset == "hard" and s else h
        if config.reset == "soft":
            v = h - s * config.threshold
        a = math.exp(-1 / config.adaptation_tau) * a + s
        out.append(s)
    return out


@given(
    st.lists(st.floats(-4, 8), min_size=1, max_size=12),
    st.builds(
        NeuronConfig,
        kind=st.sampled_from(KINDS),
        tau=st.floats(1.1, 8),
        threshold=st.floats(0.3, 2),
        reset=st.sampled_from(["hard", "soft"]),
        v_reset=st.floats(-1, 0.2),
        adaptation=st.sampled_from([0.0, 0.3]),
    ),
)
@settings(deadline=None)
def test_spikes_follow_the_equations(x, config):
    # PLIF keeps w in float32: give the hand computation the tau it means.
    neuron = Neuron(config, backend="torch")
    if config.kind == "plif":
        tau = 1 / torch.sigmoid(neuron.w.detach()).double().item()
        config = NeuronConfig(**{**config.__dict__, "tau": tau})
    spikes = neuron(torch.tensor(x, dtype=torch.float64)[:, None])
    assert spikes[:, 0].tolist() == by_hand(x, config)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("detach", [True, False])
def test_steps_equal_the_sequence(kind, reset, detach):
    config = NeuronConfig(
        kind, reset=reset, detach_reset=detach, adaptation=0.2, recurrent=True, surrogate="sigmoid"
    )
    torch.manual_seed(0)
    neuron = Neuron(config, channels=3).double()
    x = (2 * torch.randn(6, 2, 3, 4, dtype=torch.float64)).requires_grad_()
    weight = torch.randn_like(x)
    whole = neuron(x)
    (whole * weight).sum().backward()
    expected = [x.grad.clone(), *(p.grad.clone() for p in neuron.parameters())]

    x.grad = None
    neuron.zero_grad()
    state, out = None, []
    for current in x:
        s, state = neuron.step(current, state)
        out.append(s)
    (torch.stack(out) * weight).sum().backward()
    assert torch.equal(torch.stack(out), whole)
    for found, right in zip(
        [x.grad, *(p.grad for p in neuron.parameters())], expected, strict=True
    ):
        torch.testing.assert_close(found, right)


def test_a_sequence_can_be_cut_and_carried_on():
    neuron = Neuron()
    x = 2 * torch.rand(9, 4, generator=torch.Generator().manual_seed(1))
    first, state = neuron.run(x[:4])
    second, _ = neuron.run(x[4:], state)
    assert torch.equal(torch.cat([first, second]), neuron(x))


def test_gradient_of_two_steps_by_hand():
    """LIF tau 2, hard reset detached: the charge of step 1 leaks half into step 2."""
    x = torch.tensor([[1.2], [1.5]], dtype=torch.float64, requires_grad=True)
    Neuron()(x)[1].backward()
    h1 = 0.6
    h2 = h1 + (1.5 - h1) / 2
    slope = derivative(torch.tensor(h2 - 1.0, dtype=torch.float64), "atan", 2.0)
    torch.testing.assert_close(x.grad[:, 0], torch.stack([slope / 2 / 2, slope / 2]))


def test_per_channel_tau_treats_each_channel_alone():
    x = 3 * torch.rand(7, 2, 3, 2, 2, generator=torch.Generator().manual_seed(3))
    together = Neuron(NeuronConfig(tau=(1.5, 2.0, 4.0)))(x)
    for c, tau in enumerate((1.5, 2.0, 4.0)):
        assert torch.equal(together[:, :, c], Neuron(NeuronConfig(tau=tau))(x[:, :, c]))


def test_recurrent_input_is_the_mixed_last_spikes():
    neuron = Neuron(NeuronConfig("if", recurrent=True), channels=2)
    with torch.no_grad():
        neuron.recurrent.weight.copy_(torch.tensor([[0.0, 0.0], [5.0, 0.0]]))
    spikes = neuron(torch.tensor([[[1.0, 0.0]], [[0.0, 0.0]], [[0.0, 0.0]]]))
    assert spikes[:, 0].tolist() == [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]


def test_adaptation_slows_firing():
    x = torch.full((50, 1, 1), 1.5)
    plain = Neuron(NeuronConfig("if"))(x).sum()
    adapted = Neuron(NeuronConfig("if", adaptation=0.5))(x).sum()
    assert adapted < plain


@pytest.mark.parametrize("backend", ["auto", "torch"])
def test_nan_is_handed_on(backend):
    x = torch.ones(3, 1, 2)
    x[1, 0, 0] = math.nan
    out = Neuron(backend=backend)(x)
    assert out[1:, 0, 0].isnan().all()
    assert not out[:, 0, 1].isnan().any()


def test_an_empty_batch_gives_an_empty_batch():
    x = torch.zeros(3, 0, 2, 4, 4, requires_grad=True)
    out = Neuron()(x)
    out.sum().backward()
    assert out.shape == x.shape
    assert x.grad.shape == x.shape


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(0, 1, 2), "T = 0"),
        (torch.zeros(4), "expected \\[T, N"),
        (torch.zeros(2, 1, 2, dtype=torch.float16), "float16 is not supported on the CPU"),
        (torch.zeros(2, 1, 2, dtype=torch.int64), "floating point"),
        (torch.zeros(2, 1, 3), "tau has 2 values"),
        (torch.zeros(2, 1, 2, device="meta"), "parameters are on cpu"),
    ],
)
def test_bad_inputs_are_named(x, message):
    with pytest.raises(InputError, match=message):
        Neuron(NeuronConfig("plif", tau=(2.0, 3.0)))(x)


def test_a_recurrent_layer_needs_its_channels():
    with pytest.raises(InputError, match="channels"):
        Neuron(NeuronConfig(recurrent=True))


def test_bfloat16_keeps_its_state_in_float32():
    x = torch.rand(5, 2, 3, dtype=torch.bfloat16)
    spikes, state = Neuron().run(x)
    assert spikes.dtype == torch.bfloat16
    assert state.v.dtype == torch.float32
    assert torch.equal(spikes.float(), Neuron()(x.float()))


def test_resting_state_holds_only_what_is_needed():
    state = resting_state(NeuronConfig(v_reset=-0.5), torch.ones(2, 3))
    assert isinstance(state, NeuronState)
    assert state.a is None
    assert state.s is None
    assert state.v.eq(-0.5).all()


class Halve(torch.nn.Module):
    def forward(self, v):
        return v / 2


def test_a_membrane_module_maps_what_is_carried_over():
    neuron = Neuron(NeuronConfig("if"))
    neuron.membrane = Halve()
    x = torch.tensor([[0.9], [0.6], [0.5], [0.6]])
    assert not neuron.has_kernel
    # h: 0.9; 0.45 + 0.6 = 1.05 fires; 0 + 0.5; 0.25 + 0.6
    assert neuron(x)[:, 0].tolist() == [0, 1, 0, 0]
    state, out = None, []
    for current in x:
        s, state = neuron.step(current, state)
        out.append(s)
    assert torch.equal(torch.stack(out), neuron(x))
