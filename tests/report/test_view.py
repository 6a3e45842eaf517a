import json
from statistics import fmean

import pytest

from leanspike.report.view import view
from leanspike.study import StudyFile
from leanspike.study.results.results import Results


def test_the_view_is_plain_data_with_every_setting_and_reading(results):
    shown = view(results)
    json.dumps(shown, allow_nan=False)
    assert len(shown["settings"]) == 18
    for setting in shown["settings"]:
        assert len(setting["accuracy"]) == 3
        assert len(setting["costs"]) == 5 * 2 + 3 + 3


def test_totals_agree_with_their_parts(results):
    for setting in view(results)["settings"]:
        for key, cost in setting["costs"].items():
            if not key.endswith("|"):
                assert "layers" not in cost  # a switched assumption: totals only
                continue
            by_layer = sum(sum(layer["components"].values()) for layer in cost["layers"])
            assert sum(cost["components"].values()) == pytest.approx(by_layer, rel=1e-3)
            assert fmean(cost["energy"]) == pytest.approx(by_layer, rel=1e-3)


def test_an_unfinished_study_shows_what_it_has(made):
    path = made(StudyFile(), until=12)
    shown = view(Results.load(path))
    assert shown["planned"] == 13
    assert 0 < len(shown["settings"]) < 13


def test_unquantized_weights_count_the_width_they_are_priced_at(results):
    shown = {setting["name"]: setting for setting in view(results)["settings"]}
    weights = sum(layer["weights"] for layer in shown["float"]["layers"])
    assert shown["float"]["stored_bits"] <= 8 * weights
    assert {layer["bits"] for layer in shown["prune 80%"]["layers"]} == {8}
