from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanspike.compress import (
    CompressionConfig,
    Phase,
    StateConfig,
    Strategy,
    dump_strategy,
    gradual_strategy,
    load_strategy,
    paper_strategy,
    parse_strategy,
)
from leanspike.errors import InputError

compressions = st.builds(
    CompressionConfig,
    weight_bits=st.none() | st.integers(2, 8),
    rounding=st.sampled_from(["ste", "ewgs", "psgd", "tanh"]),
    granularity=st.sampled_from(["tensor", "channel"]),
    layer_bits=st.dictionaries(st.sampled_from(["conv1", "dense*"]), st.none() | st.integers(2, 8)),
    sparsity=st.floats(0, 0.99),
    layer_sparsity=st.dictionaries(st.sampled_from(["conv1", "dense*"]), st.floats(0, 0.99)),
    scope=st.sampled_from(["global", "layerwise", "erk"]),
    layers=st.sampled_from([("*",), ("conv*", "dense1")]),
)
states = st.builds(
    StateConfig,
    membrane_bits=st.none() | st.integers(2, 32),
    accumulator_bits=st.none() | st.integers(2, 32),
    overflow=st.sampled_from(["saturate", "wrap"]),
)
phases = st.builds(
    Phase,
    epochs=st.integers(2, 50),
    lr=st.floats(1e-5, 1),
    compression=st.none() | compressions,
    state=st.none() | states,
    rewind=st.booleans(),
    distillation=st.floats(0, 1),
)


@given(st.builds(Strategy, st.text("abc ", min_size=1), st.lists(phases, min_size=1).map(tuple)))
def test_round_trip(strategy: Strategy) -> None:
    import yaml

    assert parse_strategy(yaml.safe_load(dump_strategy(strategy))) == strategy


def test_file(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(
        """
name: prune, then quantize the convolutions
phases:
  - epochs: 5
    lr: 1.0e-3
    compression: {sparsity: 0.8, scope: erk}
  - epochs: 5
    lr: 1.0e-4
    warmup_epochs: 0
    distillation: 0.5
    compression: {weight_bits: 2, sparsity: 0.8, scope: erk, layer_bits: {conv1: 8}}
"""
    )
    strategy = load_strategy(file)
    assert strategy.epochs == 10
    last = strategy.phases[1]
    assert last.compression is not None
    assert last.compression.bits_of("conv1") == 8
    assert last.distillation == 0.5
    file.write_text(dump_strategy(strategy))
    assert load_strategy(file) == strategy


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: a\nphases: [{epochs: 2, lr: 1, warmup: 1}]", r"phases\.0\.warmup"),
        ("name: a\nphases: [{lr: 1}]", r"phases\.0\.epochs"),
        ("name: a\nphases: [{epochs: two, lr: 1}]", r"phases\.0\.epochs.*found 'two'"),
        ("name: a\nphases: []", "at least one phase"),
        ("phases: [{epochs: 2, lr: 1}]", "name"),
        ("name: a\nphases: [{epochs: 2, lr: 1, compression: {bits: 2}}]", r"compression\.bits"),
        (
            "name: a\nphases: [{epochs: 2, lr: 1, compression: {weight_bits: 17}}]",
            r"phases\.0\.compression.*17 is not a whole number from 1 to 16",
        ),
        (
            "name: a\nphases: [{epochs: 2, lr: 1, compression: {sparsity: 1.0}}]",
            "no weight would be left",
        ),
        ("name: [", "not valid YAML"),
        ("3", "strategy|s.yaml"),
        ("!!python/object/apply:os.getcwd []", "not valid YAML"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        load_strategy(file)
    assert "s.yaml" in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        load_strategy(tmp_path / "none.yaml")


def test_named_strategies_are_data_too() -> None:
    import yaml

    for strategy in (
        paper_strategy("joint", weight_bits=2, sparsity=0.8),
        gradual_strategy(CompressionConfig(sparsity=0.95, weight_bits=2)),
    ):
        assert parse_strategy(yaml.safe_load(dump_strategy(strategy))) == strategy
