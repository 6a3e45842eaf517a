import copy

import pytest
import torch
from torch import nn

from leanspike.compress import CompressionConfig, convert, prepare, summary
from leanspike.compress.layers import latent_weight
from leanspike.errors import InputError


def network(*, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(2, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(72, 5)
    )


def batch() -> torch.Tensor:
    return torch.randn(4, 2, 5, 5, generator=torch.Generator().manual_seed(1))


BOTH = CompressionConfig(weight_bits=2, sparsity=0.8)


def test_weights_are_quantized_then_masked() -> None:
    model = prepare(network(), BOTH)
    weights = torch.cat([model[i].weight.flatten() for i in (0, 4)])
    masks = torch.cat([model.state_dict()[f"{i}.weight_mask"].flatten() for i in (0, 4)])
    assert int((~masks).sum()) == round(0.8 * weights.numel())
    assert (weights[~masks] == 0).all()
    for i in (0, 4):
        c = float(model[i].parametrizations.weight[0].quantizer.c.detach())
        assert set(model[i].weight.unique().tolist()) <= {-c, 0.0, c}


def test_state_dict_keeps_plain_keys_and_values() -> None:
    model = network()
    before = copy.deepcopy(model.state_dict())
    state = prepare(model, BOTH).state_dict()
    assert set(before) < set(state)
    assert set(state) - set(before) == {
        f"{i}.{tail}"
        for i in (0, 4)
        for tail in ("weight_mask", "weight_quantizer.a", "weight_quantizer.c")
    }
    for key, value in before.items():
        assert torch.equal(state[key], value)


def test_prepared_checkpoint_loads_into_another_prepared_model() -> None:
    trained = prepare(network(seed=0), BOTH)
    other = prepare(network(seed=7), BOTH)
    other.load_state_dict(trained.state_dict(), strict=True)
    trained.eval()
    other.eval()
    assert torch.equal(trained(batch()), other(batch()))


def test_float_checkpoint_loads_and_starts_the_scales_anew() -> None:
    float_state = network(seed=3).state_dict()
    config = CompressionConfig(weight_bits=3)
    loaded = prepare(network(seed=0), config)
    loaded.load_state_dict(float_state, strict=True)
    expected = prepare(network(seed=3), config)
    for key, value in expected.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value)


def test_a_prepared_model_inside_another_module_saves_plain_keys() -> None:
    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = prepare(network(), BOTH)

    state = Outer().state_dict()
    assert "net.0.weight" in state
    assert "net.0.weight_mask" in state
    Outer().load_state_dict(state, strict=True)


def test_prepare_adds_a_quantizer_and_freezes_the_mask() -> None:
    model = prepare(network(), CompressionConfig(sparsity=0.8))
    masks = {k: v.clone() for k, v in model.state_dict().items() if k.endswith("mask")}
    with torch.no_grad():
        for layer in (model[0], model[4]):
            latent_weight(layer).copy_(torch.randn_like(latent_weight(layer)))
    prepare(model, BOTH)
    assert all(torch.equal(model.state_dict()[k], m) for k, m in masks.items())
    assert [layer.bits for layer in summary(model).layers] == [2, 2]


def test_prepare_on_a_quantized_model_keeps_learned_scales_and_adds_a_mask() -> None:
    model = prepare(network(), CompressionConfig(weight_bits=2))
    with torch.no_grad():
        model[0].parametrizations.weight[0].quantizer.c.fill_(0.123)
    prepare(model, BOTH)
    assert float(model.state_dict()["0.weight_quantizer.c"]) == pytest.approx(0.123)
    assert summary(model).pruned == pytest.approx(0.8, abs=1e-3)


def test_optimizer_made_before_still_holds_the_weights() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    prepare(model, CompressionConfig(sparsity=0.5))
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert {id(p) for p in model.parameters()} == held


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.SGD, torch.optim.AdamW])
@pytest.mark.parametrize("bits", [None, 2])
def test_pruned_weights_stay_dead(kind: type[torch.optim.Optimizer], bits: int | None) -> None:
    model = network()
    options: dict[str, float] = {"lr": 0.05, "weight_decay": 0.1}
    if kind is torch.optim.SGD:
        options["momentum"] = 0.9
    optimizer = kind(model.parameters(), **options)  # type: ignore[call-arg]
    model(batch()).square().sum().backward()  # moments exist before the mask is drawn
    optimizer.step()
    prepare(model, CompressionConfig(weight_bits=bits, sparsity=0.9))
    masks = {k: v.clone() for k, v in model.state_dict().items() if k.endswith("mask")}
    for _ in range(20):
        optimizer.zero_grad()
        model(batch()).square().sum().backward()
        optimizer.step()
        for i in (0, 4):
            assert (model[i].weight[~masks[f"{i}.weight_mask"]] == 0).all()
    convert(model)
    for i in (0, 4):
        assert (model[i].weight[~masks[f"{i}.weight_mask"]] == 0).all()


def test_gradient_of_pruned_weights_is_zero() -> None:
    model = prepare(network(), CompressionConfig(sparsity=0.7))
    model(batch()).square().sum().backward()
    for i in (0, 4):
        gradient = latent_weight(model[i]).grad
        assert gradient is not None
        assert (gradient[~model.state_dict()[f"{i}.weight_mask"]] == 0).all()


def test_convert_keeps_the_outputs_and_leaves_plain_modules() -> None:
    model = prepare(network(), BOTH).eval()
    expected = model(batch())
    plain = network()
    convert(model)
    assert torch.equal(model(batch()), expected)
    assert set(model.state_dict()) == set(plain.state_dict())
    assert type(model[0]) is nn.Conv2d
    plain.load_state_dict(model.state_dict(), strict=True)


def hooks(model: nn.Module) -> list[str]:
    """Name every hook and every attribute that prepare could leave behind."""
    return [
        f"{name}.{key}"
        for name, module in model.named_modules()
        for key, value in module.__dict__.items()
        if ("hooks" in key and value)
    ] + [f"{n}.{k}" for n, m in model.named_modules() for k in set(m.__dict__) - PLAIN]


PLAIN = set().union(*(m.__dict__ for m in (nn.Conv2d(1, 1, 1), nn.Linear(1, 1), nn.ReLU())))
PLAIN |= set(nn.BatchNorm2d(1).__dict__) | set(nn.Flatten().__dict__)
PLAIN.add("_weight_bits")  # a number, which stays


@pytest.mark.parametrize("copied", [False, True])
def test_convert_leaves_no_hook_and_no_cache(copied: bool) -> None:
    model = network()
    assert hooks(model) == []
    model = nn.Sequential(prepare(prepare(model, BOTH), BOTH))
    prepare(model, CompressionConfig(weight_bits=3))  # a cache inside another's
    model(batch())
    if copied:
        model = copy.deepcopy(model)
    weights = [model[0][i].parametrizations.weight.original for i in (0, 4)]
    convert(model)
    assert hooks(model[0]) == []
    assert set(model.__dict__) == set(nn.Sequential().__dict__)
    assert not model._forward_hooks
    assert not model._forward_pre_hooks
    assert not model._forward_hooks_always_called
    assert all(model[0][i].weight is weight for i, weight in zip((0, 4), weights, strict=True))


def test_converting_a_copy_leaves_the_original_whole() -> None:
    model = prepare(network(), BOTH).eval()
    expected = model(batch())
    twin = convert(copy.deepcopy(model))
    assert torch.equal(twin(batch()), expected)
    assert torch.equal(model(batch()), expected)
    assert "0.weight_mask" in model.state_dict()


def test_converted_model_can_be_prepared_again() -> None:
    model = convert(prepare(network(), BOTH))
    again = prepare(model, CompressionConfig(weight_bits=4)).state_dict()
    assert "0.weight_quantizer.a" in again
    assert "0.weight_mask" not in again


def test_deepcopy_is_independent() -> None:
    model = prepare(network(), BOTH)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        latent_weight(twin[0]).add_(1.0)
        twin[0].parametrizations.weight[0].quantizer.c.fill_(9.0)
    assert not torch.equal(twin[0].weight, model[0].weight)
    assert "0.weight" in twin.state_dict()
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin[0].weight, model[0].weight)


def test_weights_are_computed_once_per_forward() -> None:
    class Loop(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for _ in range(5):
                x = self.layer(x)
            return x

    model = prepare(Loop(), CompressionConfig(weight_bits=2))
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    model.layer.parametrizations.weight[0].register_forward_hook(count)
    model(torch.randn(1, 3)).sum().backward()
    model(torch.randn(1, 3)).sum().backward()
    assert calls == 2
    with pytest.raises(RuntimeError):
        model(torch.randn(1, 4))
    assert not torch.nn.utils.parametrize._cache_enabled


def test_a_layer_pattern_leaves_the_others_alone() -> None:
    model = prepare(network(), CompressionConfig(weight_bits=2, layers=("4",)))
    assert [layer.bits for layer in summary(model).layers] == [32, 2]


def test_own_scores_decide() -> None:
    model = network()
    scores = {"0": torch.zeros(8, 2, 3, 3), "4": torch.ones(5, 72)}
    prepare(model, CompressionConfig(sparsity=144 / 504), scores=scores)
    assert (model[0].weight == 0).all()
    assert (model[4].weight != 0).all()
    with pytest.raises(InputError, match="layer '4'"):
        prepare(network(), CompressionConfig(sparsity=0.5), scores={"0": scores["0"]})


def test_every_kind_of_layer() -> None:
    layers = [nn.Conv1d(8, 4, 3), nn.Conv2d(8, 4, 3), nn.Conv3d(8, 4, 3), nn.Linear(8, 4)]
    for layer in layers:
        weights = layer.weight.numel()
        model = prepare(nn.Sequential(layer), CompressionConfig(weight_bits=2, structure="2:4"))
        assert int((~model.state_dict()["0.weight_mask"]).sum()) == weights // 2
        convert(model)
        assert len(model[0].weight.unique()) <= 3


def test_half_precision_and_double() -> None:
    for dtype in (torch.float64, torch.bfloat16):
        model = prepare(network().to(dtype), BOTH)
        assert model[0].weight.dtype == dtype


# Bad input: each error names the layer and says what to do; the model is left as it was.


def test_no_weight_layer() -> None:
    with pytest.raises(InputError, match="Sequential: no weight layer"):
        prepare(nn.Sequential(nn.ReLU()), BOTH)


def test_pattern_that_fits_nothing() -> None:
    with pytest.raises(InputError, match=r"'dense\*': it fits no weight layer; there are 0, 4"):
        prepare(network(), CompressionConfig(weight_bits=2, layers=("0", "dense*")))


def test_a_layer_with_two_names_is_one_layer() -> None:
    layer = nn.Linear(3, 3)
    model = prepare(nn.Sequential(layer, layer), BOTH)
    assert [(one.name, one.weights) for one in summary(model).layers] == [("0", 9)]


def test_shared_weight() -> None:
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    with pytest.raises(InputError, match="layer '1': it shares its weights with layer '0'"):
        prepare(tied, BOTH)


def test_nan_weights() -> None:
    model = network()
    with torch.no_grad():
        model[4].weight[0, 0] = torch.nan
    with pytest.raises(InputError, match="layer '4': 1 of its 360 weights are NaN"):
        prepare(model, BOTH)
    assert type(model[0]) is nn.Conv2d


def test_constant_zero_weights() -> None:
    model = network()
    nn.init.zeros_(model[4].weight)
    with pytest.raises(InputError, match="layer '4': its weights are all zero"):
        prepare(model, BOTH)
    with pytest.raises(InputError, match="layer '4': its weights are all zero"):
        prepare(model, CompressionConfig(sparsity=0.5))
    assert type(model[0]) is nn.Conv2d


def test_lazy_layer() -> None:
    with pytest.raises(InputError, match="Run one batch"):
        prepare(nn.Sequential(nn.LazyLinear(3)), BOTH)


def test_convert_needs_a_prepared_model() -> None:
    with pytest.raises(InputError, match="prepare"):
        convert(network())


@pytest.mark.parametrize("bits", [0, 17, -1, 2.5])
def test_bits_outside_range(bits: object) -> None:
    with pytest.raises(InputError, match="weight_bits"):
        CompressionConfig(weight_bits=bits)  # type: ignore[arg-type]


@pytest.mark.parametrize("sparsity", [1.0, -0.1, float("nan")])
def test_sparsity_outside_range(sparsity: float) -> None:
    with pytest.raises(InputError, match="sparsity"):
        CompressionConfig(sparsity=sparsity)


@pytest.mark.parametrize("field", ["quantizer", "rounding", "scope"])
def test_unknown_names(field: str) -> None:
    with pytest.raises(InputError, match=f"{field}: unknown 'nothing'"):
        CompressionConfig(**{field: "nothing"})  # type: ignore[arg-type]
