from __future__ import annotations

import pytest

from leanspike.errors import InputError
from leanspike.hardware import preset_names
from leanspike.study.file.preset import study_preset, study_presets
from leanspike.study.plan.points import grid


@pytest.mark.parametrize("name", study_presets())
def test_every_preset_is_a_sound_study_that_names_itself(name: str) -> None:
    study = study_preset(name)
    assert study.name == name
    assert set(study.hardware.architectures) <= set(preset_names())
    assert grid(study)


def test_the_paper_is_as_the_article_describes_it() -> None:
    """Its published table has 75 accuracies: 5 widths, and 7 fractions in two ways at 5 widths."""
    study = study_preset("paper")
    assert (study.data.T, study.data.by, study.network.name) == (20, "count", "tcja")
    strategies = [point.strategy for point in grid(study)]
    counts = {name: strategies.count(name) for name in set(strategies)}
    assert counts["cumulative"] == counts["joint"] == 35
    assert counts["quantize"] == 5
    assert counts["prune"] == 7


def test_an_unknown_preset_lists_the_known() -> None:
    with pytest.raises(InputError, match=r"preset: 'papers' is none of .*paper"):
        study_preset("papers")
