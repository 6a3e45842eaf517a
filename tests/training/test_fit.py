from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from small import small_data, small_net

from leanspike.compress import load_state
from leanspike.errors import InputError
from leanspike.events import FrameData
from leanspike.files import WriteError
from leanspike.training import EpochRecord, TrainingConfig, evaluate, fit
from leanspike.training.weights import weights_digest

CONFIG = TrainingConfig(epochs=4, lr=2e-2, warmup_epochs=1, batch_size=16, accelerator="cpu")


class StoppedError(Exception):
    pass


def stop_after(epoch: int, error: BaseException):  # type: ignore[no-untyped-def]
    def progress(record: EpochRecord) -> None:
        if record.epoch == epoch:
            raise error

    return progress


def test_learns_and_keeps_the_best_by_validation(tmp_path: Path) -> None:
    net, data = small_net(), small_data()
    seen: list[EpochRecord] = []
    result = fit(net, data, CONFIG, out=tmp_path, seed=1, progress=seen.append)
    assert tuple(seen) == result.history
    assert len(seen) == 4
    assert result.validation_accuracy > 0.8
    best = max(seen, key=lambda r: (r.validation_accuracy, -r.validation_loss))
    assert result.best_epoch == best.epoch
    # The network has the kept weights, and they validate as recorded.
    assert evaluate(net, data.validation) == result.validation_accuracy
    fresh = small_net(seed=5)
    load_state(fresh, result.checkpoint)
    assert weights_digest(fresh) == weights_digest(net)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "best.safetensors",
        "history.json",
        "run.json",
    ]


def test_losses_and_rates_are_what_they_say(tmp_path: Path) -> None:
    net, data = small_net(dropout=0.0), small_data()
    config = TrainingConfig(epochs=2, lr=1e-9, warmup_epochs=1, batch_size=90, accelerator="cpu")
    result = fit(net, data, config, out=tmp_path, seed=1)
    x = torch.from_numpy(data.train.frames).transpose(0, 1).float()
    wanted = torch.nn.functional.one_hot(torch.from_numpy(data.train.labels), 3).float()
    expected = ((small_net(dropout=0.0).train()(x) - wanted) ** 2).mean()
    assert result.history[0].train_loss == pytest.approx(expected.item(), rel=1e-5)
    # One step an epoch: after the first the factor is (1 + cos 0) / 2, after the last 0.
    assert [record.lr for record in result.history] == pytest.approx([1e-9, 0.0])


def test_never_looks_at_the_test_split(tmp_path: Path) -> None:
    data = small_data()

    class Untouchable:
        def __getattr__(self, name: str) -> object:
            raise AssertionError("the test split was looked at")

    blind = FrameData(
        data.name,
        data.train,
        data.validation,
        Untouchable(),
        data.classes,
        data.fingerprint,  # type: ignore[arg-type]
    )
    fit(small_net(), blind, CONFIG, out=tmp_path, seed=1)


def test_same_seed_same_bits_other_seed_other_bits(tmp_path: Path) -> None:
    digests = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        torch.rand(3)  # the caller's random state has no part in it
        net = small_net()
        fit(net, small_data(), CONFIG, out=tmp_path / name, seed=seed)
        digests.append(weights_digest(net))
    assert digests[0] == digests[1] != digests[2]


def test_callers_random_state_is_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    fit(small_net(), small_data(), CONFIG, out=tmp_path, seed=1)
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_resumed_training_equals_an_uninterrupted_one(epoch: int, tmp_path: Path) -> None:
    whole = small_net()
    expected = fit(whole, small_data(), CONFIG, out=tmp_path / "whole", seed=1)
    with pytest.raises(StoppedError):
        fit(
            small_net(),
            small_data(),
            CONFIG,
            out=tmp_path / "parts",
            seed=1,
            progress=stop_after(epoch, StoppedError()),
        )
    net = small_net()
    seen: list[EpochRecord] = []
    result = fit(net, small_data(), CONFIG, out=tmp_path / "parts", seed=1, progress=seen.append)
    assert [record.epoch for record in seen] == list(range(epoch + 1, 4))
    assert weights_digest(net) == weights_digest(whole)

    def without_times(records: tuple[EpochRecord, ...]) -> list[tuple[float, ...]]:
        return [(r.epoch, r.train_loss, r.validation_loss, r.validation_accuracy) for r in records]

    assert without_times(result.history) == without_times(expected.history)
    assert result.best_epoch == expected.best_epoch


@pytest.mark.parametrize("mode", [True, False])
def test_modes_that_layers_had_are_kept(mode: bool, tmp_path: Path) -> None:
    """A batch norm put into evaluation mode is frozen: training leaves its statistics."""
    net = small_net().train()
    net.norm.train(mode)
    fit(net, small_data(), CONFIG, out=tmp_path, seed=1)
    assert (net.training, net.norm.training) == (True, mode)
    assert bool(net.norm.num_batches_tracked) == mode


def test_ctrl_c_stops_and_the_epochs_done_are_kept(tmp_path: Path) -> None:
    def interrupt(record: EpochRecord) -> None:
        if record.epoch == 1:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(small_net(), small_data(), CONFIG, out=tmp_path, seed=1, progress=interrupt)
    assert signal.getsignal(signal.SIGINT) is before
    seen: list[EpochRecord] = []
    fit(small_net(), small_data(), CONFIG, out=tmp_path, seed=1, progress=seen.append)
    assert [record.epoch for record in seen] == [2, 3]


# Ctrl-C may fall between a file's opening and the "with" that closes it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    config = TrainingConfig(epochs=100_000, warmup_epochs=1, accelerator="cpu")
    threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    seen: list[EpochRecord] = []
    with pytest.raises(KeyboardInterrupt):
        fit(small_net(), small_data(), config, out=tmp_path, seed=1, progress=seen.append)
    more: list[EpochRecord] = []

    def one_more(record: EpochRecord) -> None:
        more.append(record)
        raise StoppedError

    with pytest.raises(StoppedError):
        fit(small_net(), small_data(), config, out=tmp_path, seed=1, progress=one_more)
    # The epochs saved are those reported, or one more if Ctrl-C came between the two.
    assert more[0].epoch - len(seen) in (0, 1)


@pytest.mark.parametrize("how", ["weights", "rate"])
def test_a_loss_that_is_not_finite_ends_the_training(how: str, tmp_path: Path) -> None:
    net, config = small_net(), CONFIG
    if how == "weights":
        with torch.no_grad():
            next(net.parameters()).view(-1)[0] = float("nan")
    else:
        config = TrainingConfig(epochs=4, lr=1e38, warmup_epochs=0, accelerator="cpu")
    with pytest.raises(
        InputError, match=r"training, epoch \d: the .* loss is nan.*Lower"
    ) as caught:
        fit(net, small_data(), config, out=tmp_path, seed=1)
    assert f"now {config.lr:g}" in str(caught.value)
    assert not (tmp_path / "history.json").exists()


def test_done_training_is_not_repeated(tmp_path: Path) -> None:
    first = fit(small_net(), small_data(), CONFIG, out=tmp_path, seed=1)
    net = small_net()
    again = fit(
        net, small_data(), CONFIG, out=tmp_path, seed=1, progress=stop_after(0, StoppedError())
    )
    assert again == first
    assert evaluate(net, small_data().validation) == first.validation_accuracy


def test_resume_false_begins_anew(tmp_path: Path) -> None:
    fit(small_net(), small_data(), CONFIG, out=tmp_path, seed=1)
    seen: list[EpochRecord] = []
    fit(
        small_net(),
        small_data(),
        CONFIG,
        out=tmp_path,
        seed=2,
        resume=False,
        progress=seen.append,
    )
    assert len(seen) == 4


def test_folder_of_another_training_is_refused(tmp_path: Path) -> None:
    fit(small_net(), small_data(), CONFIG, out=tmp_path, seed=1)
    for net, seed in ((small_net(), 2), (small_net(seed=9), 1)):
        with pytest.raises(InputError, match="holds another training"):
            fit(net, small_data(), CONFIG, out=tmp_path, seed=seed)


class Evil:
    """A checkpoint that would make a folder when it is read."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.mkdir, (str(self.made),))


@pytest.mark.parametrize("damage", ["empty", "cut", "tail", "an earlier version", "evil", "none"])
def test_a_checkpoint_that_cannot_be_read_begins_the_training_anew(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = small_net()
    fit(whole, small_data(), CONFIG, out=tmp_path / "whole", seed=1)
    out = tmp_path / "parts"
    with pytest.raises(StoppedError):
        fit(small_net(), small_data(), CONFIG, out=out, seed=1,
            progress=stop_after(1, StoppedError()))  # fmt: skip
    path = out / "resume.ckpt"
    content = path.read_bytes()
    if damage in ("an earlier version", "evil"):
        evil = {"state_dict": Evil(tmp_path / "ran")}
        torch.save(evil if damage == "evil" else {"state_dict": {}, "history": []}, path)
    else:
        path.write_bytes(
            {"empty": b"", "cut": content[:2000], "tail": content[:-50], "none": content}[damage]
        )
    net, seen = small_net(), []  # type: ignore[var-annotated]
    fit(net, small_data(), CONFIG, out=out, seed=1, progress=seen.append)
    assert len(seen) == (2 if damage == "none" else 4)
    assert weights_digest(net) == weights_digest(whole)
    assert not (tmp_path / "ran").exists()
    assert ("resume.ckpt: not a readable checkpoint" in caplog.text) == (damage != "none")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(("run.json", content) for content in ("", "{", "[]", "{}", '{"run": 3}')),
        *(("history.json", content) for content in ("", '{"history": []}', '{"history": [{}]}')),
        ("best.safetensors", ""),
        ("best.safetensors", "damaged"),
    ],
)
def test_damaged_records_begin_the_training_anew(
    name: str, content: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = small_net()
    fit(whole, small_data(), CONFIG, out=tmp_path, seed=1)
    (tmp_path / name).write_text(content)
    net, seen = small_net(), []  # type: ignore[var-annotated]
    fit(net, small_data(), CONFIG, out=tmp_path, seed=1, progress=seen.append)
    assert len(seen) == 4
    assert weights_digest(net) == weights_digest(whole)
    assert "begins anew" in caplog.text


def test_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"file.*: cannot write.*Name another folder"):
        fit(small_net(), small_data(), CONFIG, out=tmp_path / "file" / "run", seed=1)


@pytest.mark.parametrize("lost", ["best.safetensors", "resume.ckpt", "history.json"])
def test_full_disk_in_the_middle_keeps_what_was_there(
    lost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def full(old: Path, new: Path) -> None:
        if new.name == lost:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(old, new)

    whole = small_net()
    fit(whole, small_data(), CONFIG, out=tmp_path / "earlier", seed=1)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(WriteError, match=rf"{lost}: cannot write: No space left"):
        fit(small_net(), small_data(), CONFIG, out=tmp_path / "now", seed=1)
    monkeypatch.undo()
    known = {"run.json", "resume.ckpt", "best.safetensors"}
    assert {each.name for each in (tmp_path / "now").iterdir()} <= known - {lost}
    net = small_net()
    fit(net, small_data(), CONFIG, out=tmp_path / "now", seed=1)
    assert weights_digest(net) == weights_digest(whole)


def test_checkpoint_that_does_not_fit_on_the_disk_is_named(tmp_path: Path) -> None:
    fit(small_net(), small_data(), CONFIG, out=tmp_path / "earlier", seed=1)
    room = (tmp_path / "earlier" / "best.safetensors").stat().st_size + 1000
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(InputError, match=r"resume.ckpt: cannot write: File too large"):
            fit(small_net(), small_data(), CONFIG, out=tmp_path / "now", seed=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    # The first epoch is lost, nothing is in the way of a new attempt.
    assert len(fit(small_net(), small_data(), CONFIG, out=tmp_path / "now", seed=1).history) == 4


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_says_nothing_and_warns_of_nothing(precision: str, tmp_path: Path) -> None:
    script = f"""
import sys, warnings
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from small import small_data, small_net
from leanspike.training import TrainingConfig, fit
warnings.simplefilter("error")
config = TrainingConfig(epochs=2, warmup_epochs=1, precision={precision!r}, accelerator="cpu")
fit(small_net(), small_data(), config, out=Path({str(tmp_path)!r}), seed=1)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_bfloat16_trains(tmp_path: Path) -> None:
    config = TrainingConfig(
        epochs=2, lr=2e-2, warmup_epochs=1, precision="bf16-mixed", accelerator="cpu"
    )
    net, data = small_net(), small_data()
    result = fit(net, data, config, out=tmp_path, seed=1)
    accuracy = evaluate(net, data.validation, precision="bf16-mixed")
    assert accuracy == pytest.approx(result.validation_accuracy, abs=0.05)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_what_this_machine_has_not_is_named(tmp_path: Path) -> None:
    half = TrainingConfig(epochs=1, warmup_epochs=0, precision="16-mixed")
    with pytest.raises(InputError, match="float16 needs a GPU, and there is none"):
        fit(small_net(), small_data(), half, out=tmp_path / "a", seed=1)
    cuda = TrainingConfig(epochs=1, warmup_epochs=0, accelerator="cuda")
    with pytest.raises(InputError, match="accelerator 'cuda'"):
        fit(small_net(), small_data(), cuda, out=tmp_path / "b", seed=1)


def test_network_without_parameters_and_empty_split(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no parameter"):
        fit(torch.nn.Flatten(), small_data(), CONFIG, out=tmp_path, seed=1)
