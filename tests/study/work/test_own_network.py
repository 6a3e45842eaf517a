from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from leanspike import Study
from leanspike.cli.main import run
from leanspike.compress import save_state
from leanspike.errors import InputError
from leanspike.study import Results, join_study
from leanspike.study.work.model_folder import Model
from leanspike.study.work.own_network import own_code, own_function

SOURCE = """
import torch
from torch import nn
from sizes import K


class Leaky(nn.Module):
    def __init__(self):
        super().__init__()
        self.v = None

    def reset(self):
        self.v = None

    def forward(self, x):
        self.v = x if self.v is None else 0.5 * self.v + x
        return torch.sigmoid(8 * (self.v - 0.5))


def make_net():
    return nn.Sequential(nn.Linear(6, 16), Leaky(), nn.Linear(16, K), Leaky())


def needs(width):
    return nn.Linear(width, 3)


def raises():
    raise ValueError("too wide")


def no_module():
    return 7


def no_weights():
    return nn.ReLU()


def loss(scores, labels):
    return nn.functional.cross_entropy(5 * scores, labels)


number = 3
"""
SMALL = {
    "training": {"epochs": 2, "warmup_epochs": 0, "batch_size": 8, "lr": 0.01},
    "compression": {"strategies": ["joint"], "bits": [2], "pruning": [0.5], "epochs": 2},
    "hardware": {
        "architectures": ["eyeriss_snn"],
        "formats": ["RLE"],
        "statistics": ["mean"],
        "assumptions": False,
    },
}


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sizes.py").write_text("K = 3\n")
    (tmp_path / "nets.py").write_text(SOURCE)
    return tmp_path / "nets.py"


def trains() -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(36) % 3
    x = np.random.default_rng(0).random((36, 5, 6)) < 0.2
    for i, label in enumerate(labels):
        x[i, :, 2 * label : 2 * label + 2] |= True
    return x.astype(np.float32), labels


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nets.py:needs", r"nets.py:needs: needs the arguments width, expected none"),
        ("nets.py:make_nets", r"has no 'make_nets' \(did you mean 'make_net'\?\)"),
        ("nets.py:number", "is a int, expected a function"),
        ("nets.py:raises", r"raised ValueError: too wide \(nets.py, line 29\)"),
        ("nets.py:no_module", "returned a int, expected a torch module"),
        ("nets.py:no_weights", "no weight layer was found"),
        ("gone.py:make_net", "gone.py: cannot be read"),
        ("nets.py", "expected a file or module, a colon and a function"),
        ("nowhere.at.all:make", "needs the package nowhere"),
    ],
)
def test_what_is_no_network_is_one_error(nets: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        own_code(name).build(0)


def test_a_package_that_is_not_installed_is_named(nets: Path) -> None:
    nets.write_text("import not_there_at_all\n")
    with pytest.raises(InputError, match=r"the package not_there_at_all, .*\(nets.py, line 1\)"):
        own_code("nets.py:make_net")


def test_the_hash_is_of_the_source_and_of_what_it_imports(nets: Path) -> None:
    first = own_code("nets.py:make_net").sha256
    assert own_code(str(nets) + ":make_net").sha256 == first
    (nets.parent / "other.py").write_text("K = 9\n")
    assert own_code("nets.py:make_net").sha256 == first
    (nets.parent / "sizes.py").write_text("K = 3  # changed\n")
    assert own_code("nets.py:make_net").sha256 != first


def test_the_main_job_in_python(nets: Path) -> None:
    def quiet(scores, labels):
        return nn.functional.mse_loss(scores, nn.functional.one_hot(labels, 3).float())

    sections = {**SMALL, "training": {**SMALL["training"], "loss": quiet}}
    results = Study(network="nets.py:make_net", data=trains(), **sections).run("out", jobs=1)
    assert (nets.parent / "out" / "report.html").is_file()
    assert results.file.network.runs == (
        "torch, one step a call, output [N, K] rates: mean over time"
    )
    assert [point.point.strategy for point in results.priced] == ["float", "joint"]
    assert [point.samples for point in results.priced] == [6, 6]
    # The study's file alone runs no code, and other code is refused.
    with pytest.raises(InputError, match="code runs only where it is named"):
        join_study(Path("out"))
    with pytest.raises(InputError, match=r"training.loss: it names here:.*quiet"):
        join_study(Path("out"), network="nets.py:make_net")
    nets.write_text(SOURCE + "\n# changed\n")
    with pytest.raises(InputError, match="is not what the study began with"):
        join_study(Path("out"), network="nets.py:make_net")


def test_the_main_job_on_the_command_line(nets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x, y = trains()
    np.savez("data.npz", x=x, y=y)
    Path("study.yaml").write_text(
        "data: {source: data.npz}\n"
        "training: {epochs: 2, warmup_epochs: 0, batch_size: 8, loss: 'nets.py:loss'}\n"
        "compression: {strategies: [], control: false, own: [{name: mine, phases: [{epochs: 1, "
        "lr: 0.001, warmup_epochs: 0, compression: {weight_bits: 4, layer_bits: {'0': 8}}}]}]}\n"
        "hardware: {architectures: [eyeriss_snn], formats: [RLE], statistics: [mean], "
        "assumptions: false}\n"
    )
    line = ["study", "study.yaml", "--network", "nets.py:make_net", "--out", "out"]
    assert run([*line, "--jobs", "1"]) == 2
    assert "Add --code nets.py:loss" in capsys.readouterr().err
    assert run([*line, "--code", "nets.py:loss", "--jobs", "2"]) == 0
    results = Results.load("out")
    assert [point.point.setting for point in results.priced] == ["float", "mine 4b"]
    assert [layer.bits for layer in results.priced[1].layers] == [8, 4]
    capsys.readouterr()
    assert run(["extract", "out", "mine 4b", "--out", "shipped"]) == 0
    with pytest.raises(InputError, match="code runs only where it is named"):
        Model.load(Path("shipped"))
    model = Model.load(Path("shipped"), network="nets.py:make_net")
    assert len(model.net.network[2].weight.unique()) <= 16
    nets.write_text(SOURCE + "\n# changed\n")
    assert run([*line, "--code", "nets.py:loss"]) == 2
    assert "is not what the study began with" in capsys.readouterr().err


def test_trained_weights_are_not_trained_again(nets: Path) -> None:
    torch.manual_seed(3)
    net = own_code("nets.py:make_net").build(5)
    save_state(net, "float.safetensors")
    study = Study("nets.py:make_net", trains(), weights="float.safetensors", **SMALL)
    results = study.run("out", jobs=1)
    kept = Model.load
    assert results.file.network.trained
    run(["extract", "out", "float", "--out", "float", "--debug"])
    found = kept(Path("float"), network="nets.py:make_net").net.state_dict()
    for key, value in net.state_dict().items():
        assert torch.equal(found[key], value)
    save_state(own_code("nets.py:make_net").build(6), "float.safetensors")
    with pytest.raises(InputError, match="weights_sha256"):
        study.run("out", jobs=1)


def test_a_module_is_handed_over_as_it_is(nets: Path) -> None:
    net = own_code("nets.py:make_net").build(5)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    results = Study(net, trains(), trained=True, **SMALL).run("out", jobs=2)
    assert len(results.priced) == 2
    assert all(torch.equal(net.state_dict()[key], value) for key, value in before.items())


def test_functions_are_found_and_checked(nets: Path) -> None:
    assert own_function("nets.py:loss").function(torch.zeros(1, 3), torch.tensor([0])) > 0
    with pytest.raises(InputError, match="is a int, expected a function"):
        own_function("nets.py:number")
    with pytest.raises(InputError, match=r"training.loss: found 'hinge', expected one of mse"):
        Study(training={"loss": "hinge"})
    with pytest.raises(InputError, match="trainning: unknown section"):
        Study(trainning={})
