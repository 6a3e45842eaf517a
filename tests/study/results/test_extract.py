from pathlib import Path

import pytest
import torch

from leanspike.errors import InputError
from leanspike.study import Results, StudyFile, run_study
from leanspike.study.results.extract import extract_network
from leanspike.study.work.model_folder import Model
from leanspike.study.work.networks import frame_batches

TINY = StudyFile(
    name="tiny",
    data={"limit": 30, "T": 3},
    network={"channels": 2, "hidden": 8},
    training={"epochs": 2, "warmup_epochs": 0},
    compression={
        "strategies": ["quantize", "joint"],
        "bits": [2],
        "pruning": [0.5],
        "epochs": 2,
        "warmup_epochs": 0,
        "membrane_bits": 6,
    },
    hardware={
        "architectures": ["event_driven"],
        "formats": ["RLE"],
        "statistics": ["mean"],
        "assumptions": False,
    },
    seeds=[0, 1],
)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    run_study(TINY, out=folder, jobs=1)
    return folder


@pytest.mark.parametrize("setting", ["float", "quantize 2b", "joint 2b 50%"])
def test_the_network_is_the_one_that_was_measured(study, tmp_path, setting):
    extract_network(study, setting, out=tmp_path / "net", seed=1)
    model = Model.load(tmp_path / "net")
    test = model.load_data().test
    with torch.no_grad():
        given = [model.net.eval()(frames).argmax(1) for frames in frame_batches(test, 16)]
    right = (torch.cat(given).numpy() == test.labels).tolist()
    point = next(
        p for p in Results.load(study).points if (p.point.setting, p.point.seed) == (setting, 1)
    )
    assert tuple(right) == point.right
    for layer, wanted in zip(point.measured.workload.layers, point.layers, strict=True):
        weight = model.net.get_submodule(wanted.name).weight
        nonzero = float((weight != 0).double().mean())
        assert nonzero == pytest.approx(layer.density.weights.mean)


def test_membranes_are_as_narrow_as_the_study_asked(study, tmp_path):
    for setting, bits in (("float", 16), ("quantize 2b", 6)):
        point = next(p for p in Results.load(study).points if p.point.setting == setting)
        layers = point.measured.workload.layers
        assert {layer.bits.state for layer in layers if layer.neurons} == {bits}
    extract_network(study, "quantize 2b", out=tmp_path / "net")
    model = Model.load(tmp_path / "net")
    limited = [
        module.membrane.bits for module in model.net.modules() if hasattr(module, "membrane")
    ]
    assert set(limited) == {6}


def test_the_first_seed_is_taken_unless_another_is_named(study, tmp_path):
    assert extract_network(study, "float", out=tmp_path / "a").seed == 0
    for name, seed in (("b", 0), ("c", 1)):
        extract_network(study, "float", out=tmp_path / name, seed=seed)
    one, other = (Model.load(tmp_path / name) for name in ("b", "c"))
    assert not torch.equal(*(next(m.net.parameters()) for m in (one, other)))


def test_what_is_not_there_is_said(study, tmp_path):
    with pytest.raises(InputError, match=r"no setting 'joint 3b'.*joint 2b 50%"):
        extract_network(study, "joint 3b", out=tmp_path / "net")
    with pytest.raises(InputError, match=r"seed 7.*0, 1"):
        extract_network(study, "float", out=tmp_path / "net", seed=7)
    with pytest.raises(InputError, match="folder"):
        extract_network(study / "study.db", "float", out=tmp_path / "net")
    assert not (tmp_path / "net").exists()


def test_a_model_is_not_written_over(study, tmp_path):
    extract_network(study, "float", out=tmp_path)
    with pytest.raises(InputError, match="already"):
        extract_network(study, "quantize 2b", out=tmp_path)


def test_weights_that_changed_or_are_gone_are_refused(study, tmp_path):
    point = next(p for p in Results.load(study).points if p.point.setting == "quantize 2b")
    weights: Path = study / point.measured.checkpoint
    kept = weights.read_bytes()
    try:
        weights.write_bytes(kept[:-1] + b"x")
        with pytest.raises(InputError, match="not those that were measured"):
            extract_network(study, "quantize 2b", out=tmp_path / "net", seed=0)
        weights.unlink()
        with pytest.raises(InputError, match="no longer there"):
            extract_network(study, "quantize 2b", out=tmp_path / "net", seed=0)
    finally:
        weights.write_bytes(kept)
