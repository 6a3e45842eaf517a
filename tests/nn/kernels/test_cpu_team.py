"""The fallback; that kernels run on torch's team is tested with `run_parts`."""

import subprocess
import sys
import threading

import pytest

from leanspike.nn.kernels import cpu_team

WITHOUT_OPENMP = """
import torch
torch.set_num_threads(3)
from leanspike.nn.kernels import cpu_team
cpu_team.use_team(None)
from leanspike.nn import Neuron, set_backend
x = torch.randn(4, 8, 1000, generator=torch.Generator().manual_seed(0), requires_grad=True)
spikes = Neuron()(x)
spikes.sum().backward()
grad, x.grad = x.grad, None
expected = set_backend(Neuron(), "torch")(x)
expected.sum().backward()
assert torch.equal(spikes, expected)
assert torch.equal(grad, x.grad)
assert cpu_team._pools.keys() == {3}
"""


def test_without_torchs_openmp_kernels_run_on_threads_of_our_own():
    """In a process of its own: kernels in use keep the team they were loaded with."""
    subprocess.run([sys.executable, "-c", WITHOUT_OPENMP], check=True, timeout=300)


def test_own_team_calls_the_body_once_per_thread():
    seen = []

    @cpu_team._BODY
    def body(data):
        seen.append((data, threading.get_ident()))
        ready.wait(10)

    ready = threading.Barrier(3)
    address = cpu_team.ctypes.cast(body, cpu_team.ctypes.c_void_p).value
    cpu_team._own_team(address, 7, 3, 0)
    assert [data for data, _ in seen] == [7, 7, 7]
    assert len({thread for _, thread in seen}) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere torch may use another OpenMP")
def test_torchs_own_team_is_found_on_linux():
    assert cpu_team._torch_team()
