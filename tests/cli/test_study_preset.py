from __future__ import annotations

import pytest

from leanspike.cli.study import _chosen
from leanspike.errors import InputError
from leanspike.study import StudyFile


def test_a_preset_takes_the_users_data() -> None:
    chosen = _chosen(None, data="gestures-synthetic:32", preset="paper", quick=False)
    assert chosen.name == "paper"
    assert chosen.data.source == "gestures-synthetic:32"
    assert chosen.data.T == 20


def test_one_study_at_a_time() -> None:
    with pytest.raises(InputError, match="exclude each other"):
        _chosen(None, data=None, preset="paper", quick=True)
    assert _chosen(None, data=None, preset=None, quick=False) == StudyFile()
