"""The Triton kernels against plain torch: on a GPU, or else in Triton's interpreter.

Triton reads TRITON_INTERPRET when it is imported, so without a GPU the tests of this file run
once more in a process of their own.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from leanspike.nn import Neuron, NeuronConfig

triton = pytest.importorskip("triton", reason="triton is not installed")
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
runs = pytest.mark.skipif(DEVICE == "cpu" and not INTERPRETED, reason="run by the first test")


@pytest.mark.skipif(DEVICE == "cuda" or INTERPRETED, reason="the kernels run in this process")
def test_all_of_this_in_the_interpreter():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(
        command,
        env=os.environ | {"TRITON_INTERPRET": "1"},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def spikes_and_gradients(neuron, x, weight):
    x = x.detach().requires_grad_()
    spikes = neuron(x)
    (spikes * weight).sum().backward()
    return spikes, x.grad, [p.grad for p in neuron.parameters()]


@runs
@pytest.mark.parametrize("kind", ["if", "lif", "plif"])
@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("detach", [True, False])
@pytest.mark.parametrize(
    "surrogate", ["atan", "sigmoid", "fast_sigmoid", "triangle", "super_spike"]
)
def test_kernels_equal_plain_torch(kind, reset, detach, surrogate):
    config = NeuronConfig(
        kind,
        tau=3.0,
        threshold=1.1,
        reset=reset,
        v_reset=-0.2,
        surrogate=surrogate,
        detach_reset=detach,
    )
    torch.manual_seed(0)
    x = 3 * torch.randn(5, 2, 3, 7, dtype=torch.float64, device=DEVICE)
    weight = torch.randn_like(x)
    neuron = Neuron(config, backend="triton", store=detach).double().to(DEVICE)
    plain = Neuron(config, backend="torch").double().to(DEVICE)
    found = spikes_and_gradients(neuron, x, weight)
    right = spikes_and_gradients(plain, x, weight)
    assert torch.equal(found[0], right[0])
    torch.testing.assert_close(found[1], right[1], rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(found[2], right[2], rtol=1e-9, atol=1e-9)


@runs
def test_float32_agrees_to_the_last_bit():
    torch.manual_seed(0)
    x = 3 * torch.randn(20, 2, 300, device=DEVICE)
    weight = torch.randn_like(x)
    config = NeuronConfig(tau=3.0)
    found = spikes_and_gradients(Neuron(config, backend="triton"), x, weight)
    right = spikes_and_gradients(Neuron(config, backend="torch"), x, weight)
    assert torch.equal(found[0], right[0])
    assert torch.equal(found[1], right[1])


@runs
@pytest.mark.parametrize("kind", ["lif", "plif"])
@pytest.mark.parametrize("last", [True, False])
def test_tau_per_channel_in_both_layouts(kind, last):
    config = NeuronConfig(kind, tau=(1.5, 2.0, 4.0))
    x = 3 * torch.randn(4, 2, 3, 5, 6, dtype=torch.float64, device=DEVICE)
    if last:
        x = x.movedim(2, -1).contiguous().movedim(-1, 2)
    weight = torch.randn_like(x)
    neuron, plain = (
        Neuron(config, backend=name).double().to(DEVICE) for name in ("triton", "torch")
    )
    found = spikes_and_gradients(neuron, x, weight)
    right = spikes_and_gradients(plain, x, weight)
    assert torch.equal(found[0], right[0])
    torch.testing.assert_close(found[1:], right[1:])


@runs
def test_bfloat16_and_nan():
    x = (3 * torch.randn(4, 2, 40, device=DEVICE)).bfloat16()
    assert torch.equal(Neuron(backend="triton")(x), Neuron(backend="torch")(x))
    x[1, 0, 5] = torch.nan
    spikes = Neuron(backend="triton")(x)
    assert spikes[1:, 0, 5].isnan().all()
    assert spikes.isnan().sum() == 3


@runs
def test_an_empty_batch_gives_an_empty_batch():
    x = torch.zeros(3, 0, 2, device=DEVICE, requires_grad=True)
    out = Neuron(backend="triton")(x)
    out.sum().backward()
    assert out.shape == x.grad.shape == x.shape


@pytest.mark.skipif(INTERPRETED, reason="the interpreter does not compile")
@pytest.mark.parametrize(("wide", "narrow"), [("fp32", "fp32"), ("fp32", "bf16"), ("fp64", "fp64")])
@pytest.mark.parametrize(("kind", "surrogate"), [(0, 1), (1, 0), (2, 3)])
def test_kernels_compile_for_a_gpu_without_one(wide, narrow, kind, surrogate):
    """Down to an H100's machine code; in float32, without fused multiply-adds."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from leanspike.nn.kernels import gpu_kernels

    sizes = {"T": "i32", "M": "i32", "C": "i32"}
    pointers = {
        "forward": {"x_ptr": narrow, "s_ptr": narrow, "h_ptr": wide},
        "backward": {"gs_ptr": narrow, "x_ptr": narrow, "h_ptr": wide, "gx_ptr": narrow}
        | {"g_leak_ptr": wide},
    }
    switches = {
        "forward": {"SPIKES": True, "STORE": True},
        "backward": {"DETACH": False, "SURROGATE": surrogate, "LEARNED": kind == 2},
    }
    for name in ("forward", "backward"):
        types = {**pointers[name], "leak_ptr": wide, "constants_ptr": wide}
        fixed = {"KIND": kind, "HARD": True, **switches[name], "BLOCK": 256}
        signature = {key: f"*{value}" for key, value in types.items()}
        signature |= sizes | dict.fromkeys(fixed, "constexpr")
        built = triton.compile(
            ASTSource(getattr(gpu_kernels, name), signature=signature, constexprs=fixed),
            target=GPUTarget("cuda", 90, 32),
            options={"enable_fp_fusion": False},
        )
        assert built.asm["cubin"]
        assert wide == "fp64" or "fma.rn" not in built.asm["ptx"]
