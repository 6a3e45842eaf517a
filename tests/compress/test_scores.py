"""Pruning scores against brute force over every use of every weight."""

import pytest
import torch
from torch import Tensor, nn

from leanspike.compress import CompressionConfig, activity_scores, gradient_scores, prepare, summary
from leanspike.errors import InputError


def spikes(*shape: int, seed: int = 0) -> Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < 0.3).float()


def test_dense_layer_by_hand() -> None:
    layer = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[-3.0, 5.0]]))
    x = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    score = activity_scores(nn.Sequential(layer), [x])["0"]
    assert score.tolist() == [[pytest.approx(3 * 0.75**0.5), 0.0]]


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 6, 3, padding=1, bias=False),
        nn.Conv2d(4, 6, (2, 3), stride=(2, 1), dilation=(1, 2), groups=2, bias=False),
    ],
)
def test_convolution_against_unfolding(layer: nn.Conv2d) -> None:
    x = spikes(5, 4, 7, 8) * 2
    patches = nn.functional.unfold(
        x.square(), layer.kernel_size, layer.dilation, layer.padding, layer.stride
    )  # [samples, C * R * S, positions]: every value that a weight meets
    rate = patches.mean((0, 2)).sqrt().reshape(4, *layer.kernel_size)
    score = activity_scores(nn.Sequential(layer), [x[:2], x[2:]])["0"]
    per_group = 4 // layer.groups
    for m in range(6):
        first = m // (6 // layer.groups) * per_group
        expected = layer.weight[m].abs() * rate[first : first + per_group]
        assert torch.allclose(score[m], expected, atol=1e-6)


def test_convolution_1d_counts_every_position() -> None:
    layer = nn.Conv1d(1, 1, 2, bias=False)
    x = torch.tensor([[[1.0, 0.0, 0.0]]])  # the first tap meets 1, 0; the second 0, 0
    score = activity_scores(nn.Sequential(layer), [x])["0"]
    assert score.flatten().tolist() == pytest.approx(
        [layer.weight[0, 0, 0].abs().item() / 2**0.5, 0]
    )


def test_gradient_score_predicts_the_change_of_the_loss() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3, bias=False)).double()
    x = torch.randn(10, 4, dtype=torch.float64)

    def loss(m: nn.Module, batch: Tensor) -> Tensor:
        return (m(batch) * 1e-6 + 1).log().sum()  # all but linear: first order is exact

    score = gradient_scores(model, [x], loss)["0"]
    base = loss(model, x).item()
    for i in range(3):
        for j in range(4):
            kept = model[0].weight[i, j].item()
            with torch.no_grad():
                model[0].weight[i, j] = 0
            change = abs(loss(model, x).item() - base)
            with torch.no_grad():
                model[0].weight[i, j] = kept
            assert score[i, j].item() == pytest.approx(change, rel=1e-3)
    assert model[0].weight.grad is None


def test_scores_drive_prepare() -> None:
    model = nn.Sequential(nn.Linear(6, 4, bias=False))
    x = spikes(20, 6)
    x[:, :3] = 0
    prepare(model, CompressionConfig(sparsity=0.5), scores=activity_scores(model, [x]))
    assert (model[0].weight[:, :3] == 0).all()
    assert (model[0].weight[:, 3:] != 0).all()


def test_random_score_is_the_seed_and_not_the_weight() -> None:
    def masks(seed: int) -> Tensor:
        model = nn.Sequential(nn.Linear(30, 30))
        prepare(model, CompressionConfig(sparsity=0.5, score="random", seed=seed))
        return model.state_dict()["0.weight_mask"]

    assert torch.equal(masks(0), masks(0))
    assert not torch.equal(masks(0), masks(1))
    assert int(masks(0).sum()) == 450


def test_a_layer_that_never_runs() -> None:
    class Unused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.spare = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = self.used(x)
            return result

    with pytest.raises(InputError, match="layer 'spare': it never ran"):
        activity_scores(Unused(), [torch.ones(1, 2)])


def test_mixed_precision_by_pattern() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4))
    config = CompressionConfig(weight_bits=2, layer_bits={"0": 8, "2": None})
    assert [layer.bits for layer in summary(prepare(model, config)).layers] == [8, 2, 32]
    with pytest.raises(InputError, match="layer_bits, pattern 'conv"):
        prepare(model, CompressionConfig(weight_bits=2, layer_bits={"conv*": 8}))
    with pytest.raises(InputError, match="layer_bits, '0'"):
        CompressionConfig(layer_bits={"0": 0})


def test_layers_pruned_each_by_its_own_fraction_and_the_rest_together() -> None:
    model = nn.Sequential(nn.Linear(10, 10), nn.Linear(10, 20), nn.Linear(10, 30))
    config = CompressionConfig(sparsity=0.5, layer_sparsity={"0": 0.9, "1": 0.0}, scope="layerwise")
    prepare(model, config)
    assert [layer.pruned for layer in summary(model).layers] == [0.9, 0.0, 0.5]
    # what a layer prunes by itself is what it prunes in a network of one layer
    alone = prepare(nn.Sequential(nn.Linear(10, 10)), CompressionConfig(sparsity=0.9))
    assert summary(alone).layers[0].pruned == 0.9
    with pytest.raises(InputError, match="layer_sparsity, pattern 'conv"):
        prepare(nn.Linear(2, 2), CompressionConfig(layer_sparsity={"conv*": 0.5}))
    with pytest.raises(InputError, match=r"layer_sparsity, '0': 1\.0 is not"):
        CompressionConfig(layer_sparsity={"0": 1.0})
    with pytest.raises(InputError, match="2:4 says how much"):
        CompressionConfig(structure="2:4", layer_sparsity={"0": 0.5})


def test_structure_says_the_sparsity() -> None:
    assert CompressionConfig(structure="1:4").sparsity == 0.75
    with pytest.raises(InputError, match=r"2:4 means 0\.5"):
        CompressionConfig(structure="2:4", sparsity=0.8)


def test_initializer_where_there_is_none() -> None:
    with pytest.raises(InputError, match="initializer: twn sets its own range"):
        CompressionConfig(weight_bits=2, quantizer="twn", initializer="max")
    with pytest.raises(InputError, match="xnor takes 1 to 1"):
        CompressionConfig(weight_bits=2, quantizer="xnor")


def test_per_channel_checkpoint_round_trip() -> None:
    config = CompressionConfig(weight_bits=3, granularity="channel", quantizer="lsq")
    one, two = (prepare(nn.Sequential(nn.Conv1d(3, 4, 2)), config) for _ in range(2))
    two.load_state_dict(one.state_dict(), strict=True)
    assert torch.equal(one[0].weight, two[0].weight)
    assert one[0].parametrizations.weight[0].quantizer.step.shape == (4, 1, 1)
