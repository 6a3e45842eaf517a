"""`leanspike study` as people meet it: a process, its output, its exit status."""

import json
import resource
import signal
import subprocess
import sys
import time

import pytest
import yaml

from leanspike.cli.main import run
from leanspike.study import Results

TINY = {
    "name": "tiny",
    "data": {"limit": 30, "T": 3},
    "network": {"channels": 2, "hidden": 8},
    "training": {"epochs": 2, "warmup_epochs": 0},
    "compression": {"strategies": ["quantize"], "bits": [2, 3], "epochs": 2, "warmup_epochs": 0},
    # The event-driven preset has few mappings to search.
    "hardware": {
        "architectures": ["event_driven"],
        "formats": ["RLE"],
        "statistics": ["mean"],
        "assumptions": False,
    },
}


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY))
    return path


def leanspike(*arguments, **options):
    line = [sys.executable, "-m", "leanspike", *map(str, arguments)]
    return subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )  # fmt: skip


def finished(process):
    out, err = process.communicate(timeout=200)
    return process.returncode, out, err


def test_a_study_ends_with_a_table_and_the_reports_path(tiny, tmp_path):
    out = tmp_path / "out"
    status, shown, err = finished(leanspike("study", tiny, "--jobs", 2, "--out", out))
    assert status == 0, err
    lines = shown.splitlines()
    head = next(n for n, line in enumerate(lines) if "accuracy %" in line)
    rows = lines[head + 1 : head + 4]
    assert {" ".join(line.lstrip("*! ").split()[:2]) for line in rows} >= {"quantize 2b"}
    assert lines[-1] == f"report: {out / 'report.html'}"
    assert (out / "report.html").is_file()
    assert (out / "figures" / "front_energy.pdf").is_file()

    status, shown, err = finished(leanspike("study", tiny, "--jobs", 1, "--out", out, "--json"))
    assert status == 0, err
    told = json.loads(shown)
    assert {each["setting"] for each in told["settings"]} == {"float", "quantize 2b", "quantize 3b"}
    assert "train" not in err

    status, shown, err = finished(leanspike("report", out, "--out", tmp_path / "again"))
    assert status == 0, err
    assert (tmp_path / "again" / "report.html").read_bytes() == (out / "report.html").read_bytes()


def test_interrupted_at_any_time_it_says_so_in_a_line_and_goes_on(tiny, tmp_path):
    out = tmp_path / "out"
    for wait, jobs in (("study 'tiny'", 1), ("[1/", 1), ("[3/", 2)):
        process = leanspike("study", tiny, "--jobs", jobs, "--out", out)
        for line in process.stderr:
            if wait in line:
                break
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        status, _, err = finished(process)
        if status == 0:  # it was done before the signal came
            break
        assert status == 130, err
        assert err.splitlines()[-1] == "leanspike: interrupted; what is done is kept"
        assert "Traceback" not in err
        if wait != "study 'tiny'":
            Results.load(out)  # what is done can be read
    status, shown, err = finished(leanspike("study", tiny, "--jobs", 1, "--out", out))
    assert status == 0, err
    assert "report:" in shown


#: Enough for the empty database, not for what the study puts into it and beside it.
ROOM = 40_000


def limited(size):
    """Let the process write no file beyond a size, as a disk that fills would."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_disk_that_fills_mid_study_is_a_line_and_what_is_done_stays(tiny, tmp_path):
    out = tmp_path / "out"
    process = leanspike("study", tiny, "--jobs", 1, "--out", out, preexec_fn=limited(ROOM))
    status, _, err = finished(process)
    assert status in (1, 2)
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith(f"leanspike: {out}")
    before = Results.load(out)
    status, _, err = finished(leanspike("study", tiny, "--jobs", 1, "--out", out))
    assert status == 0, err
    after = Results.load(out)
    assert [p.point for p in after.points][: len(before.points)] == [p.point for p in before.points]
    assert len(after.points) == 3


def test_a_report_that_finds_no_room_names_its_file_and_leaves_the_old_one(tiny, tmp_path):
    out = tmp_path / "out"
    assert finished(leanspike("study", tiny, "--jobs", 1, "--out", out))[0] == 0
    before = (out / "report.html").read_bytes()
    status, _, err = finished(leanspike("report", out, preexec_fn=limited(200_000)))
    assert status == 1
    assert err.splitlines()[-1].startswith(f"leanspike: {out / 'report.html'}: ")
    assert (out / "report.html").read_bytes() == before
    assert not list(out.glob(".*"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("compression: {bit: [2]}", ["bad.yaml, compression.bit", "unknown key", "'bits'"]),
        ("network: {neuron: {tua: 2.0}}", ["network.neuron.tua"]),
        ("data: {source: nowhere.npz}", ["nowhere.npz", "no such file"]),
        ("training: {epochs: 1, warmup_epochs: 2}", ["warmup_epochs"]),
        ("hardware: {architectures: [nonsense]}", ["nonsense"]),
        ("hardware: {semantics: wishful}", ["wishful", "physical"]),
    ],
)
def test_a_bad_study_file_is_one_line_before_anything_runs(tmp_path, capsys, text, said):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    assert run(["study", str(path), "--out", str(tmp_path / "out")]) == 2
    err = capsys.readouterr().err.splitlines()[-1]
    for part in ["leanspike: ", *said]:
        assert part in err
    assert not list(tmp_path.glob("out/trainings/*"))


def test_an_unwritable_folder_is_named(tiny, tmp_path, capsys):
    blocker = tmp_path / "file"
    blocker.write_text("in the way")
    assert run(["study", str(tiny), "--jobs", "1", "--out", str(blocker / "out")]) == 1
    assert f"leanspike: {blocker}" in capsys.readouterr().err


def test_another_study_in_the_folder_is_refused(tiny, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(["study", str(tiny), "--jobs", "1", "--out", str(out)]) == 0
    tiny.write_text(yaml.safe_dump({**TINY, "training": {"epochs": 3, "warmup_epochs": 0}}))
    assert run(["study", str(tiny), "--jobs", "1", "--out", str(out)]) == 2
    assert "training.epochs 2, the file now says 3" in capsys.readouterr().err


def test_dry_run_lists_points_and_estimates_without_writing(tiny, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(["study", str(tiny), "--jobs", "1", "--out", str(out), "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["names"] == ["float-s0", "quantize-2b-s0", "quantize-3b-s0"]
    assert told["left"] == told["tasks"] == {"train": 3, "measure": 3, "price": 3}
    assert told["epochs"] == 6
    assert told["seconds"] > 0
    assert not out.exists()


def test_report_of_no_study(tmp_path, capsys):
    assert run(["report", str(tmp_path)]) == 2
    assert "study.db: no such file" in capsys.readouterr().err
