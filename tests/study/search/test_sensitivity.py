import copy

import pytest
import torch

from leanspike.compress import CompressionConfig, prepare, weight_layers
from leanspike.nn import NetworkConfig, build_network
from leanspike.study.plan.options import Option
from leanspike.study.search.sensitivity import explore, only
from leanspike.study.work.networks import load_study_data

OPTIONS = (Option(8, 0.0), Option(2, 0.0), Option(8, 0.9))


@pytest.fixture(scope="module")
def data():
    from leanspike.study.file.study_file import DataSection

    return load_study_data(DataSection(limit=40, T=3))


@pytest.fixture(scope="module")
def net(data):
    config = NetworkConfig(shape=data.shape, classes=data.classes, T=3, channels=4, hidden=16)
    return build_network(config, seed=0)


def explored(net, data, **options):
    settings = {"classes": data.classes, "recordings": 24, "batch_size": 8, "seed": 0, **options}
    return explore(net, data.train, OPTIONS, CompressionConfig(), **settings)


def test_every_layer_has_every_option_and_the_network_stays_as_it_was(net, data):
    before = copy.deepcopy(net.state_dict())
    found = explored(net, data)
    names = [name for name, _ in weight_layers(net)]
    assert [layer.name for layer in found.layers] == names
    assert [layer.name for layer in found.workload.layers] == names
    for layer in found.layers:
        assert len(layer.damage) == len(layer.zeros) == 3
        assert min(layer.damage) >= 0
        assert layer.zeros[2] >= 0.9
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert found == explored(net, data)
    assert found.silent_loss == pytest.approx(1 / data.classes)


def test_only_one_layer_is_compressed(net):
    tried = copy.deepcopy(net)
    prepare(tried, only(CompressionConfig(), "conv2", Option(2, 0.5)))
    for name, layer in weight_layers(tried):
        plain = dict(weight_layers(net))[name].weight
        assert torch.equal(layer.weight, plain) == (name != "conv2")
