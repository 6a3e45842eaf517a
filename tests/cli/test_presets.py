"""``leanspike presets``: names that can be given, each with what it is."""

import json

from leanspike.cli.main import run
from leanspike.hardware.architecture.architecture import Architecture, preset_names
from leanspike.study.file.preset import study_presets


def test_every_preset_is_listed_in_80_columns(capsys):
    assert run(["presets"]) == 0
    shown = capsys.readouterr().out
    for name in (*preset_names(), *study_presets(), "published", "physical"):
        assert f"  {name}" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_as_json(capsys):
    assert run(["presets", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert set(listed) == {"architectures", "workloads", "studies", "semantics"}
    for name in listed["architectures"]:
        assert Architecture.load(name).name == name
