import pytest
import torch

from leanspike.errors import InputError
from leanspike.nn import NetworkConfig, Neuron, build_network, choose_backend, set_backend
from leanspike.nn import backend as backends

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


def installed(monkeypatch, *packages):
    monkeypatch.setattr(backends, "_installed", lambda package: package in packages)


def test_auto_takes_the_devices_own(monkeypatch):
    installed(monkeypatch, "numba", "triton")
    assert choose_backend("auto", CPU) == "numba"
    assert choose_backend("auto", CUDA) == "triton"
    assert choose_backend("auto", torch.device("meta")) == "torch"


def test_auto_falls_back_to_torch(monkeypatch):
    installed(monkeypatch)
    assert choose_backend("auto", CPU) == "torch"
    assert choose_backend("auto", CUDA) == "torch"


@pytest.mark.parametrize(
    ("wanted", "device", "message"),
    [
        ("cupy", CPU, "expected one of auto, torch, numba, triton"),
        ("numba", CUDA, "numba cannot run on cuda"),
        ("triton", CPU, "triton cannot run on cpu"),
    ],
)
def test_what_cannot_run_is_said(monkeypatch, wanted, device, message):
    installed(monkeypatch, "numba", "triton")
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(InputError, match=message):
        choose_backend(wanted, device)


def test_what_is_not_installed_is_said(monkeypatch):
    installed(monkeypatch)
    with pytest.raises(InputError, match="pip install triton"):
        choose_backend("triton", CUDA)


def test_set_backend_reaches_every_layer():
    net = build_network(NetworkConfig(), seed=0)
    assert set_backend(net, "torch") is net
    assert [m.backend for m in net.modules() if isinstance(m, Neuron)] == ["torch"] * 5
    with pytest.raises(InputError, match="backend is"):
        set_backend(net, "fast")
