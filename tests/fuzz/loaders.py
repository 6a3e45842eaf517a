"""Every loader of files, with a valid file of it and the ways its files are damaged."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from mutations import VALUES, damaged_array, damaged_bytes, damaged_data, damaged_text

TESTS = Path(__file__).parents[1]
sys.path += [str(TESTS), str(TESTS / "events"), str(TESTS / "training")]


@dataclass(frozen=True)
class Loader:
    """What is loaded.

    ``make`` writes a valid file or folder into an empty folder; ``damage`` writes a damaged one
    into another, from the valid one; ``load`` loads what lies in a folder, and raises
    AssertionError where it took damage for sound.
    """

    make: Callable[[Path], None]
    damage: Callable[[Path, Path, random.Random], None]
    load: Callable[[Path], object]


def any_file(valid: Path, out: Path, draw: random.Random) -> None:
    """Damage the bytes of one file in a folder."""
    shutil.copytree(valid, out, dirs_exist_ok=True)
    path = draw.choice(sorted(path for path in out.rglob("*") if path.is_file()))
    path.write_bytes(damaged_bytes(path.read_bytes(), draw))


def any_text(valid: Path, out: Path, draw: random.Random) -> None:
    """Damage the lines of one file in a folder, or its data where it is YAML."""
    shutil.copytree(valid, out, dirs_exist_ok=True)
    path = draw.choice(sorted(path for path in out.rglob("*") if path.suffix in TEXT))
    text = path.read_text()
    if path.suffix == ".yaml" and draw.random() < 0.7:
        changed = damaged_data(yaml.safe_load(text), draw)
        path.write_text(yaml.safe_dump(changed, sort_keys=False))
    else:
        path.write_text(damaged_text(text, draw))


TEXT = (".yaml", ".csv", ".txt", ".json")


def mixed(*ways: Callable[[Path, Path, random.Random], None]) -> Any:
    """Take one of some ways to damage."""
    return lambda valid, out, draw: draw.choice(ways)(valid, out, draw)


def arrays_of(valid: Path, out: Path, draw: random.Random) -> None:
    """Damage arrays of one npz archive in a folder, or drop or add one."""
    shutil.copytree(valid, out, dirs_exist_ok=True)
    path = draw.choice(sorted(out.rglob("*.np[zy]")))
    if path.suffix == ".npy":
        np.save(path, damaged_array(np.load(path), draw))
        return
    with np.load(path) as archive:
        arrays = dict(archive)
    for _ in range(draw.randint(1, 3)):
        name = draw.choice(sorted(arrays))
        if draw.random() < 0.2:
            del arrays[name]
            arrays = arrays or {"x": np.zeros(1)}
        else:
            arrays[name] = damaged_array(arrays[name], draw)
    np.savez(path, **arrays)


# npz archives of events, with and without polarity


def make_npz(folder: Path) -> None:
    draw = np.random.default_rng(0)
    for name, p in (("with", True), ("without", False)):
        arrays = {
            "t_us": np.sort(draw.integers(0, 10_000, 300)).astype(np.uint32),
            "x": draw.integers(0, 34, 300).astype(np.uint16),
            "y": draw.integers(0, 34, 300).astype(np.uint16),
            "offsets": np.array([0, 100, 180, 300]),
            "label": np.array([0, 1, 2], np.uint8),
            "sensor": np.array([34, 34]),
            "classes": np.array(3),
        }
        if p:
            arrays["p"] = draw.integers(0, 2, 300).astype(np.uint8)
        np.savez_compressed(folder / f"{name}.npz", **arrays)


def load_npz(folder: Path) -> None:
    from leanspike.events import FrameConfig, make_frames, read_archive

    for path in sorted(folder.glob("*.npz")):
        made = read_archive(path)
        if made.width * made.height * len(made) < 1 << 22:
            make_frames(made, FrameConfig(T=4, by="time"))
            make_frames(made, FrameConfig(T=3))


# AEDAT, and folders of DVS128 Gesture in three layouts


def make_aedat(folder: Path) -> None:
    from gesture_copies import write_ibm

    write_ibm(folder)


def load_aedat(folder: Path) -> None:
    from leanspike.events.sources.aedat import read_aedat
    from leanspike.events.sources.dvs_gesture import ibm_trials, read_ibm_trial

    read_aedat(folder / "user01_led.aedat")
    for paths in ibm_trials(folder).values():
        for path in paths:
            list(read_ibm_trial(path))


def make_folder(folder: Path) -> None:
    from gesture_copies import write_spikingjelly, write_tonic

    write_spikingjelly(folder / "spikingjelly" / "events_np")
    write_tonic(folder / "tonic")


def load_folder(folder: Path) -> None:
    from leanspike.events.sources.dvs_gesture import convert_gestures

    for name in ("spikingjelly", "tonic"):
        convert_gestures(folder / name, folder / f"{name}-out", incomplete=True)


# workloads and sweeps of the hardware room


def make_csv(folder: Path) -> None:
    (folder / "net.csv").write_text(
        "name,weights,inputs,outputs,T,C,M,P,Q,R,S,HS,WS,N,padding_rows,padding_columns,weights_bits,"
        "inputs_max\n"
        "conv1,0.5,0.1,0.05,10,2,16,34,34,3,3,1,1,1,1,1,8,0.3\n"
        "conv2,0.2,0.1,0.05,10,16,32,17,17,3,3,1,1,,,,2,\n"
        "dense,1,0.1,,10,512,10,1,1,1,1,1,1,,,,,\n".replace(",,10,512", ",0.5,10,512")
    )


def load_csv(folder: Path) -> None:
    from leanspike.hardware.workload.workload import read_rows

    read_rows(folder / "net.csv")


def make_yaml(folder: Path) -> None:
    from leanspike.hardware.architecture.architecture import Architecture
    from leanspike.hardware.workload.workload import Workload, read_rows
    from leanspike.spec import write_yaml
    from leanspike.study import StudyFile

    make_csv(folder)
    workload = Workload(name="net", layers=tuple(read_rows(folder / "net.csv")))
    write_yaml(workload.model_dump(mode="json", exclude_defaults=True), folder / "workload.yaml")
    chip = Architecture.load("event_driven")
    write_yaml(chip.model_dump(mode="json", exclude_defaults=True), folder / "chip.yaml")
    write_yaml(StudyFile.quick().plain(), folder / "study.yaml")
    (folder / "net.csv").unlink()


def load_yaml(folder: Path) -> None:
    from leanspike.hardware.architecture.architecture import Architecture
    from leanspike.hardware.workload.workload import Workload
    from leanspike.study import StudyFile, grid

    Workload.load(folder / "workload.yaml")
    Architecture.load(folder / "chip.yaml")
    grid(StudyFile.load(folder / "study.yaml"))


def make_sweep(folder: Path) -> None:
    (folder / "sweep.yaml").write_text(
        "architecture: eyeriss_snn\nworkloads: [published]\nobjective: energy\nweight_bits: 4\n"
        "vary:\n  levels.shared_glb.depth: {from: 1024, to: 8192, times: 2}\n"
        "  statistic: [mean, max]\n  levels.pe.fanout.x: {from: 4, to: 12, step: 4}\n"
    )
    (folder / "mappings.yaml").write_text(
        "conv1: ['T=20 Q=64 | |', 'P=128 | | Q=2', ' | S=3 M=8 |']\ndense: [' | |', 'C=2 | |']\n"
    )
    (folder / "cost.json").write_text(
        '{"layers": [{"name": "conv1", "energy": 3.0, "mapping": ["T=20 | |", "P=2 | M=3 |"]}]}'
    )


def load_sweep(folder: Path) -> None:
    from leanspike.hardware.mapping.mapping import read_mappings
    from leanspike.hardware.sweep import Sweep

    sweep = Sweep.load(folder / "sweep.yaml")
    assert 0 < len(list(sweep.points())) <= 100_000
    read_mappings(folder / "mappings.yaml")
    read_mappings(folder / "cost.json")


def make_strategy(folder: Path) -> None:
    from leanspike.compress import dump_strategy, paper_strategy

    strategy = paper_strategy("cumulative", weight_bits=2, sparsity=0.8, epochs=6)
    (folder / "s.yaml").write_text(dump_strategy(strategy))


def load_strategy(folder: Path) -> None:
    from leanspike.compress import load_strategy

    load_strategy(folder / "s.yaml")


# Timeloop


def make_timeloop(folder: Path) -> None:
    cases = TESTS / "hardware" / "timeloop" / "cases"
    for name in ("ey6_conv4_RLE_skip_forkbypass", "cluster_tensor_energy", "mm1_CP_compress"):
        shutil.copy(cases / name / "input.yaml", folder / f"{name}.yaml")


def load_timeloop(folder: Path) -> None:
    from leanspike.hardware.timeloop import read_timeloop

    for path in sorted(folder.glob("*.yaml")):
        read_timeloop(path)


# NIR


def make_nir(folder: Path) -> None:
    import nir

    draw = np.random.default_rng(0)
    full = lambda shape, value: np.full(shape, value, np.float32)  # noqa: E731
    graph = nir.NIRGraph(
        nodes={
            "input": nir.Input(np.array([2, 8, 8])),
            "conv": nir.Conv2d(
                (8, 8), draw.normal(size=(4, 2, 3, 3)).astype(np.float32), 1, 1, 1, 1,
                np.zeros(4, np.float32),
            ),
            "lif": nir.LIF(
                tau=full((4, 8, 8), 2e-4), r=full((4, 8, 8), 1), v_leak=full((4, 8, 8), 0),
                v_threshold=full((4, 8, 8), 1), v_reset=full((4, 8, 8), 0),
            ),
            "pool": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
            "flat": nir.Flatten({"input": np.array([4, 4, 4])}, 0, -1),
            "dense": nir.Affine(
                draw.normal(size=(10, 64)).astype(np.float32), np.zeros(10, np.float32)
            ),
            "if": nir.IF(r=full(10, 1e4), v_threshold=full(10, 1), v_reset=full(10, 0)),
            "output": nir.Output(np.array([10])),
        },
        edges=[("input", "conv"), ("conv", "lif"), ("lif", "pool"), ("pool", "flat"),
               ("flat", "dense"), ("dense", "if"), ("if", "output")],
        type_check=False,
    )  # fmt: skip
    nir.write(str(folder / "net.nir"), graph)


def damage_nir(valid: Path, out: Path, draw: random.Random) -> None:
    """Change, drop or rename data sets of the file."""
    import h5py

    shutil.copytree(valid, out, dirs_exist_ok=True)
    with h5py.File(out / "net.nir", "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        for _ in range(draw.randint(1, 2)):
            name = draw.choice(names)
            if name not in file:
                continue
            item = file[name]
            match draw.randrange(5):
                case 0:
                    del file[name]
                case 1:
                    file.move(name, name + draw.choice(("x", "_y", "é")))
                case _ if isinstance(item, h5py.Dataset):
                    value = item[()]
                    del file[name]
                    if isinstance(value, bytes) or draw.random() < 0.3:
                        value = draw.choice((b"LIF", b"NIRGraph", b"Conv1d", b"?", b"", 3, -1.5,
                                             np.zeros((0,)), np.full(3, np.nan)))  # fmt: skip
                    else:
                        value = damaged_array(np.asarray(value), draw)
                        value = value.astype("S") if value.dtype.kind == "U" else value
                    with contextlib.suppress(TypeError, ValueError):  # not all types are HDF5's
                        file[name] = value
                case _:
                    pass


def load_nir(folder: Path) -> None:
    import torch

    from leanspike.errors import InputError
    from leanspike.export import from_nir

    net = from_nir(folder / "net.nir")
    for name, tensor in net.state_dict().items():
        assert torch.isfinite(tensor).all(), f"took {name} that is not finite"
    try:
        with torch.no_grad():
            net(torch.zeros(2, 1, 2, 8, 8))
    except InputError:
        raise
    except (RuntimeError, ValueError, TypeError, IndexError):
        pass  # layers of other sizes: torch says so when it is run


# Weights: packed, and safetensors


def make_pack(folder: Path) -> None:
    from leanspike.export import FORMATS, pack_weights

    weights = np.random.default_rng(0).integers(-1, 2, (8, 20))
    np.save(folder / "weights.npy", weights)
    for name in FORMATS:
        packed = pack_weights(weights, 2, name)
        plain = {**asdict(packed), "shape": list(packed.shape)}
        plain |= {key: plain[key].tolist() for key in ("metadata", "values")}
        (folder / f"{name}.json").write_text(json.dumps(plain))


def damage_pack(valid: Path, out: Path, draw: random.Random) -> None:
    """Damage fields of a pack, and its bytes."""
    shutil.copytree(valid, out, dirs_exist_ok=True)
    path = draw.choice(sorted(out.glob("*.json")))
    plain = json.loads(path.read_text())
    if draw.random() < 0.5:
        name = draw.choice(("metadata", "values"))
        plain[name] = list(damaged_bytes(bytes(plain[name]), draw))
    else:
        name = draw.choice(sorted(set(plain) - {"metadata", "values"}))
        plain[name] = draw.choice(
            [v for v in (0, 1, 2, 3, 7, 8, -1, 33, 10**6, 2**40, None, "x", 1.5, "dense", "RLE",
                         [8], [20, 8], [4, 40], [0], [-8, -20], [], True) if v != plain[name]]
        )  # fmt: skip
    path.write_text(json.dumps(plain))


def load_pack(folder: Path) -> None:
    from leanspike.export import unpack_weights
    from leanspike.export.packing import Packed

    weights = np.load(folder / "weights.npy")
    for path in sorted(folder.glob("*.json")):
        plain = json.loads(path.read_text())
        plain["shape"] = tuple(plain["shape"]) if isinstance(plain["shape"], list) else None
        plain |= {key: np.array(plain[key], np.uint8) for key in ("metadata", "values")}
        found = unpack_weights(Packed(**plain))
        same = found.shape == weights.shape and (found == weights).all()
        assert same, f"decoded {path.name} to other weights"


def make_weights(folder: Path) -> None:
    from leanspike.compress import save_state
    from leanspike.nn import NetworkConfig, build_network

    config = NetworkConfig("tcja", (2, 32, 32), classes=3, T=2, channels=4, hidden=8)
    save_state(build_network(config, seed=0), folder / "w.safetensors")


def load_weights(folder: Path) -> None:
    import torch

    from leanspike.compress import load_state
    from leanspike.nn import NetworkConfig, build_network

    config = NetworkConfig("tcja", (2, 32, 32), classes=3, T=2, channels=4, hidden=8)
    net = load_state(build_network(config, seed=0), folder / "w.safetensors")
    assert all(torch.isfinite(value).all() for value in net.state_dict().values())


# torch's own files: published checkpoints, and what a training goes on from


def make_published(folder: Path) -> None:
    import torch

    from leanspike.nn import NetworkConfig, build_network
    from leanspike.nn.published import KEYS

    config = NetworkConfig("tcja", (2, 32, 32), classes=3, T=2, channels=4, hidden=8)
    theirs = {ours: name for name, ours in KEYS.items()}
    state = {}
    for key, value in build_network(config, seed=0).state_dict().items():
        layer, _, name = key.rpartition(".")
        state[f"{theirs[layer]}.{name}"] = value
    torch.save({"net": state, "epoch": 3}, folder / "net.pth")


def damage_tensors(valid: Path, out: Path, draw: random.Random) -> None:
    """Change, drop, rename or replace what a file of torch's holds; the file itself is sound."""
    import torch

    others = (torch.zeros(()), torch.zeros(0, 3), torch.zeros(1).expand(2**33),
              torch.eye(3).to_sparse(), torch.zeros(3, dtype=torch.complex64))  # fmt: skip
    content = torch.load(valid / "net.pth", weights_only=True)
    for _ in range(draw.randint(1, 2)):
        inside = content
        if isinstance(content.get("net"), dict) and draw.random() < 0.9:
            inside = content["net"]
        if not isinstance(inside, dict) or not inside:
            break
        key = draw.choice([*inside])
        match draw.randrange(5):
            case 0:
                del inside[key]
            case 1:
                inside[draw.choice((3, "", f"{key}x", "conv.3.0.weight", None))] = inside[key]
            case 2:
                inside[key] = draw.choice((*VALUES, *others))
            case _ if isinstance(inside[key], torch.Tensor) and not inside[key].is_sparse:
                changed = damaged_array(inside[key].numpy(), draw)
                with contextlib.suppress(TypeError, ValueError):  # not all types are torch's
                    inside[key] = torch.from_numpy(np.ascontiguousarray(changed))
    torch.save(content, out / "net.pth")


def load_published(folder: Path) -> None:
    import torch

    from leanspike.nn import load_published

    net = load_published(folder / "net.pth")
    assert all(torch.isfinite(value).all() for value in net.state_dict().values())


def train_small(folder: Path, *, stop: bool = False) -> Any:
    """Train two epochs, or begin and be interrupted after the first."""
    from small import small_data, small_net

    from leanspike.training import EpochRecord, TrainingConfig, fit

    def progress(record: EpochRecord) -> None:
        if stop:
            raise KeyboardInterrupt

    config = TrainingConfig(epochs=2, warmup_epochs=0, lr=0.01, accelerator="cpu", threads=1)
    net = small_net()
    fit(net, small_data(), config, out=folder, seed=3, progress=progress)
    return net


def make_resume(folder: Path) -> None:
    """Make a training that was interrupted and one that is done, and keep what both end with."""
    import torch

    with contextlib.suppress(KeyboardInterrupt):
        train_small(folder / "interrupted", stop=True)
    torch.save(train_small(folder / "done").state_dict(), folder / "wanted.pth")


def damage_resume(valid: Path, out: Path, draw: random.Random) -> None:
    """Damage the bytes of what a training goes on from, or cut one of its files off."""
    shutil.copytree(valid, out, dirs_exist_ok=True)
    files = ("interrupted/resume.ckpt", "interrupted/resume.ckpt", "interrupted/run.json",
             "done/run.json", "done/history.json")  # fmt: skip
    path = out / draw.choice(files)
    content = path.read_bytes()
    if path.suffix == ".json" and draw.random() < 0.5:
        path.write_text(json.dumps(damaged_data(json.loads(content), draw)))
    else:
        path.write_bytes(damaged_bytes(content, draw) if draw.random() < 0.8 else b"")


def load_resume(folder: Path) -> None:
    """Go on with the trainings, which end as if nothing had happened, or refuse a folder."""
    import logging

    import torch

    logging.getLogger("leanspike").setLevel(logging.ERROR)  # it says that it begins anew
    wanted = torch.load(folder / "wanted.pth", weights_only=True)
    for name in ("done", "interrupted"):
        for key, value in train_small(folder / name).state_dict().items():
            assert torch.equal(value, wanted[key]), f"{name} ended with another {key}"


# Frames that a study keeps


def make_frames(folder: Path) -> None:
    from small import small_data

    from leanspike.events import keep_frames

    keep_frames(small_data(), folder).rename(folder / "kept")


def load_frames(folder: Path) -> None:
    from leanspike.events import FrameConfig, load_data

    data = load_data(str(folder / "kept"), frames=FrameConfig(T=2))
    for split in (data.train, data.validation, data.test):
        assert len(split.frames) == len(split.labels)
        assert len(split) == 0 or 0 <= split.labels.min() <= split.labels.max() < data.classes


# Studies and models


def make_study(folder: Path) -> None:
    import made_up_study
    from leanspike.study import StudyFile

    file = StudyFile(
        name="fuzzed",
        compression={"strategies": ["quantize"], "bits": [2], "epochs": 4},
        hardware={"formats": ["RLE"], "statistics": ["mean"], "assumptions": False},
        seeds=[0],
    )
    made_up_study.make(folder / "study.db", file)


def damage_study(valid: Path, out: Path, draw: random.Random) -> None:
    """Damage one cell of the database, or its tables."""
    shutil.copytree(valid, out, dirs_exist_ok=True)
    database = sqlite3.connect(out / "study.db")
    table = draw.choice(("leanspike_study", "leanspike_task", "leanspike_task"))
    columns = [row[1] for row in database.execute(f"pragma table_info({table})")]
    column = draw.choice(columns)
    row, value = draw.choice(database.execute(f'select rowid, "{column}" from {table}').fetchall())
    match draw.randrange(12):
        case 0:
            database.execute(f'alter table {table} rename column "{column}" to other')
        case 1:
            database.execute(f"drop table {table}")
        case 2:
            database.execute(f"delete from {table} where rowid = ?", (row,))
        case _:
            changed: Any = draw.choice((None, "x", b"\xff\xfe", -1, 1e300, "", "{}", "[1", 2**60))
            if isinstance(value, str) and value[:1] in "{[" and draw.random() < 0.8:
                changed = json.dumps(damaged_data(json.loads(value), draw))
            with contextlib.suppress(sqlite3.IntegrityError, OverflowError):
                database.execute(
                    f'update {table} set "{column}" = ? where rowid = ?', (changed, row)
                )
    database.commit()
    database.close()


def load_study(folder: Path) -> None:
    from leanspike.study import Results
    from leanspike.study.results.tables import flat_rows, layer_rows, short_table

    results = Results.load(folder)
    short_table(results)
    flat_rows(results)
    layer_rows(results)


def make_model(folder: Path) -> None:
    from leanspike.compress import CompressionConfig, Phase, save_state
    from leanspike.spec import write_yaml
    from leanspike.study.file.study_file import DataSection, NetworkSection, TrainingSection
    from leanspike.study.work.model_folder import ModelFile
    from leanspike.study.work.networks import blueprint, prepared_network

    section = NetworkSection(name="tcja", channels=4, hidden=8)
    shape = (2, 32, 32)
    phases = (
        Phase(epochs=2, lr=1e-3, warmup_epochs=0),
        Phase(
            epochs=2,
            lr=1e-3,
            warmup_epochs=0,
            compression=CompressionConfig(weight_bits=2, sparsity=0.5),
        ),
    )
    file = ModelFile(
        data=DataSection(T=2), network=section, training=TrainingSection(), shape=shape, classes=3,
        seed=0, phases=phases, validation_accuracy=0.9,
    )  # fmt: skip
    plan = blueprint(section, shape=shape, classes=3, T=2)
    write_yaml(file.model_dump(mode="json"), folder / "model.yaml")
    save_state(prepared_network(plan, 0, phases), folder / "best.safetensors")


def load_model(folder: Path) -> None:
    from leanspike.study.work.model_folder import Model

    Model.load(folder)


LOADERS = {
    "npz": Loader(make_npz, mixed(any_file, arrays_of), load_npz),
    "aedat": Loader(make_aedat, mixed(any_file, any_text), load_aedat),
    "folder": Loader(make_folder, mixed(any_file, arrays_of), load_folder),
    "csv": Loader(make_csv, mixed(any_file, any_text), load_csv),
    "yaml": Loader(make_yaml, any_text, load_yaml),
    "sweep": Loader(make_sweep, any_text, load_sweep),
    "strategy": Loader(make_strategy, any_text, load_strategy),
    "timeloop": Loader(make_timeloop, any_text, load_timeloop),
    "nir": Loader(make_nir, mixed(any_file, damage_nir, damage_nir), load_nir),
    "pack": Loader(make_pack, damage_pack, load_pack),
    "weights": Loader(make_weights, any_file, load_weights),
    "published": Loader(make_published, mixed(any_file, damage_tensors), load_published),
    "resume": Loader(make_resume, damage_resume, load_resume),
    "frames": Loader(make_frames, mixed(any_file, any_text, arrays_of), load_frames),
    "study": Loader(make_study, mixed(any_file, damage_study, damage_study), load_study),
    "model": Loader(make_model, any_text, load_model),
}
