"""Networks of other frameworks, as a user would write them: one function each."""

from __future__ import annotations

import sys
from types import ModuleType

import torch
from torch import nn
from torch.nn import functional as F

STEPS = 4


def _without_torchvision() -> None:
    """Some SpikingJelly models import torchvision, only to download weights."""
    if "torchvision" not in sys.modules:
        loader = ModuleType("torchvision._internally_replaced_utils")
        loader.load_state_dict_from_url = None
        sys.modules["torchvision"] = ModuleType("torchvision")
        sys.modules[loader.__name__] = loader


def _louder(net, gain):
    """Make neurons fire at random weights."""
    for module in net.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.constant_(module.weight, gain)
    return net


def gesture_net():
    from spikingjelly.activation_based import functional, neuron, surrogate
    from spikingjelly.activation_based.model.parametric_lif_net import DVSGestureNet

    net = DVSGestureNet(
        channels=4,
        spiking_neuron=neuron.LIFNode,
        surrogate_function=surrogate.ATan(),
        detach_reset=True,
    )
    functional.set_step_mode(net, "m")
    return _louder(net, 4)


def sew_resnet18():
    _without_torchvision()
    from spikingjelly.activation_based import functional, neuron
    from spikingjelly.activation_based.model import sew_resnet

    net = sew_resnet.sew_resnet18(cnf="ADD", spiking_neuron=neuron.IFNode, num_classes=4)
    functional.set_step_mode(net, "m")
    return net


def spikformer():
    from spikingjelly.activation_based.model.spikformer import Spikformer

    return _louder(
        Spikformer(
            T=STEPS, in_channels=2, img_size_h=16, img_size_w=16, patch_size=4, num_classes=4,
            embed_dims=32, num_heads=4, depths=1,
        ),
        8,
    )  # fmt: skip


def spiking_vgg11():
    """In the step mode it comes in: one step a call."""
    _without_torchvision()
    from spikingjelly.activation_based import neuron
    from spikingjelly.activation_based.model import spiking_vgg

    return spiking_vgg.spiking_vgg11(spiking_neuron=neuron.IFNode, num_classes=4)


class Tutorial5(nn.Module):
    """snnTorch's tutorial 5: it makes its own steps from a flat image, and returns two records."""

    def __init__(self):
        super().__init__()
        import snntorch as snn

        self.fc1 = nn.Linear(28 * 28, 50)
        self.lif1 = snn.Leaky(beta=0.95)
        self.fc2 = nn.Linear(50, 4)
        self.lif2 = snn.Leaky(beta=0.95)

    def forward(self, x):
        mem1 = self.lif1.init_leaky()
        mem2 = self.lif2.init_leaky()
        spk2_rec, mem2_rec = [], []
        for _ in range(10):
            cur1 = self.fc1(x)
            spk1, mem1 = self.lif1(cur1, mem1)
            cur2 = self.fc2(spk1)
            spk2, mem2 = self.lif2(cur2, mem2)
            spk2_rec.append(spk2)
            mem2_rec.append(mem2)
        return torch.stack(spk2_rec, dim=0), torch.stack(mem2_rec, dim=0)


def tutorial7():
    """snnTorch's tutorial 7: hidden states, one step a call."""
    import snntorch as snn
    from snntorch import surrogate

    spike_grad = surrogate.atan()
    beta = 0.5
    return nn.Sequential(
        nn.Conv2d(2, 12, 5),
        snn.Leaky(beta=beta, spike_grad=spike_grad, init_hidden=True),
        nn.MaxPool2d(2),
        nn.Conv2d(12, 32, 5),
        snn.Leaky(beta=beta, spike_grad=spike_grad, init_hidden=True),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 5 * 5, 4),
        snn.Leaky(beta=beta, spike_grad=spike_grad, init_hidden=True, output=True),
    )


class RecurrentLeaky(nn.Module):
    def __init__(self):
        super().__init__()
        import snntorch as snn

        self.fc1 = nn.Linear(20, 16)
        self.lif1 = snn.RLeaky(beta=0.9, linear_features=16, threshold=0.3)
        self.fc2 = nn.Linear(16, 4)
        self.lif2 = snn.Leaky(beta=0.9)

    def forward(self, x):
        spk1, mem1 = self.lif1.init_rleaky()
        mem2 = self.lif2.init_leaky()
        spikes, membranes = [], []
        for step in range(x.size(0)):
            spk1, mem1 = self.lif1(self.fc1(x[step]), spk1, mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            spikes.append(spk2)
            membranes.append(mem2)
        return torch.stack(spikes), torch.stack(membranes)


class NorseConvNet(nn.Module):
    """Norse's MNIST convolution network, with its own encoder and decoder."""

    def __init__(self):
        super().__init__()
        import norse.torch as norse

        self.encoder = norse.ConstantCurrentLIFEncoder(seq_length=8)
        self.conv1 = nn.Conv2d(1, 8, 5, 1)
        self.conv2 = nn.Conv2d(8, 12, 5, 1)
        self.fc1 = nn.Linear(4 * 4 * 12, 50)
        self.lif0 = norse.LIFCell(norse.LIFParameters(v_th=torch.tensor(0.1)))
        self.lif1 = norse.LIFCell(norse.LIFParameters(v_th=torch.tensor(0.1)))
        self.lif2 = norse.LIFCell(norse.LIFParameters(v_th=torch.tensor(0.1)))
        self.out = norse.LILinearCell(50, 4)

    def forward(self, x):
        s0 = s1 = s2 = so = None
        voltages = []
        for z in self.encoder(x):
            z = self.conv1(z)
            z, s0 = self.lif0(z, s0)
            z = F.max_pool2d(z, 2, 2)
            z = 10 * self.conv2(z)
            z, s1 = self.lif1(z, s1)
            z = F.max_pool2d(z, 2, 2)
            z = self.fc1(z.flatten(1))
            z, s2 = self.lif2(z, s2)
            v, so = self.out(F.relu(z), so)
            voltages.append(v)
        return F.log_softmax(torch.stack(voltages).max(0).values, dim=1)


def norse_sequence():
    import norse.torch as norse

    p = norse.LIFParameters(v_th=torch.tensor(0.1))
    return norse.SequentialState(
        nn.Conv2d(2, 8, 5), norse.LIFCell(p), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(288, 4),
        norse.LICell(),
    )  # fmt: skip


def sinabs_from_model():
    from sinabs.from_torch import from_model

    analog = nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1, bias=False), nn.ReLU(), nn.AvgPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.ReLU(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(128, 4, bias=False), nn.ReLU(),
    )  # fmt: skip
    return from_model(analog, num_timesteps=STEPS, spike_threshold=0.2)


class _Surrogate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).float()

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad / (10 * x.abs() + 1) ** 2


class RecurrentSHD(nn.Module):
    """A recurrent network of plain torch, batch first, that returns membranes and hidden spikes."""

    def __init__(self):
        super().__init__()
        self.w1 = nn.Linear(20, 24, bias=False)
        self.v1 = nn.Linear(24, 24, bias=False)
        self.w2 = nn.Linear(24, 4, bias=False)

    def forward(self, inputs):  # [N, T, 20]
        n, steps, _ = inputs.shape
        syn = mem = spikes = inputs.new_zeros(n, 24)
        out = inputs.new_zeros(n, 4)
        record, hidden = [], []
        for t in range(steps):
            syn = 0.8 * syn + self.w1(inputs[:, t]) + self.v1(spikes)
            mem = (0.9 * mem + syn) * (1 - spikes.detach())
            spikes = _Surrogate.apply(mem - 0.5)
            out = 0.9 * out + self.w2(spikes)
            record.append(out)
            hidden.append(spikes)
        return torch.stack(record, dim=1), torch.stack(hidden, dim=1)
