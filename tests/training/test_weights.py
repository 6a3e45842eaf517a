from __future__ import annotations

import torch
from small import small_net

from leanspike.training.weights import weights_digest


def test_digest_sees_every_value_and_name_but_not_the_layout() -> None:
    net = small_net()
    digest = weights_digest(net)
    net.to(memory_format=torch.channels_last)
    assert weights_digest(net) == digest
    with torch.no_grad():
        net.norm.running_mean[0] += 1e-6
    assert weights_digest(net) != digest
    assert weights_digest(torch.nn.Linear(2, 2)) != weights_digest(torch.nn.Linear(2, 2))
