from dataclasses import replace

import pytest

from leanspike.compress import CompressionConfig, Phase, Strategy, paper_strategy
from leanspike.errors import InputError


def test_the_papers_four() -> None:
    quantize = paper_strategy("quantize", weight_bits=2)
    assert [(p.epochs, p.lr, p.warmup_epochs) for p in quantize.phases] == [(50, 1e-4, 2)]
    prune = paper_strategy("prune", sparsity=0.8)
    assert prune.weight_bits is None
    assert prune.sparsity == 0.8
    assert prune.phases[0].lr == 1e-4
    joint = paper_strategy("joint", weight_bits=3, sparsity=0.9)
    assert [(p.epochs, p.lr) for p in joint.phases] == [(50, 1e-3)]
    assert (joint.weight_bits, joint.sparsity) == (3, 0.9)
    first, second = paper_strategy("cumulative", weight_bits=2, sparsity=0.8).phases
    assert (first.epochs, second.epochs) == (25, 25)
    assert first.lr == second.lr == 1e-3
    assert first.compression == CompressionConfig(sparsity=0.8)
    assert second.compression == CompressionConfig(weight_bits=2, sparsity=0.8)


@pytest.mark.parametrize("epochs", [2, 3, 7])
def test_epochs_scale_and_add_up(epochs: int) -> None:
    for name in ("joint", "cumulative"):
        strategy = paper_strategy(name, weight_bits=2, sparsity=0.5, epochs=epochs)
        assert strategy.epochs == epochs


def test_compression_options_pass_through() -> None:
    base = CompressionConfig(rounding="ste", scope="layerwise")
    (phase,) = paper_strategy("joint", weight_bits=2, sparsity=0.5, compression=base).phases
    assert phase.compression is not None
    assert phase.compression.rounding == "ste"
    assert phase.compression.scope == "layerwise"
    assert phase.compression.weight_bits == 2


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("pruning", {}),
        ("quantize", {}),
        ("quantize", {"weight_bits": 2, "sparsity": 0.5}),
        ("prune", {"weight_bits": 8, "sparsity": 0.5}),
        ("prune", {}),
        ("joint", {"weight_bits": 2}),
        ("cumulative", {"weight_bits": 2, "sparsity": 0.5, "epochs": 1}),
    ],
)
def test_bad_strategies(name: str, options: dict[str, float]) -> None:
    with pytest.raises(InputError):
        paper_strategy(name, **options)  # type: ignore[arg-type]


def test_bad_phases() -> None:
    with pytest.raises(InputError, match="epochs"):
        Phase(epochs=0, lr=1e-3)
    with pytest.raises(InputError, match="warmup_epochs"):
        Phase(epochs=1, lr=1e-3)
    with pytest.raises(InputError, match="lr"):
        Phase(epochs=3, lr=0)
    with pytest.raises(InputError, match="at least one phase"):
        Strategy("empty", ())


def test_folding_comes_before_compressing_and_ends_rewinding() -> None:
    two = CompressionConfig(weight_bits=2)
    compressing = Phase(epochs=2, lr=0.1, compression=two)
    folding = Phase(epochs=2, lr=0.1, compression=two, fold_batchnorm=True)
    Strategy("fine", (folding, compressing))
    with pytest.raises(InputError, match="late: it folds batch norms after"):
        Strategy("late", (compressing, folding))
    with pytest.raises(InputError, match="back: it rewinds to weights from before"):
        Strategy("back", (folding, replace(compressing, rewind=True)))
