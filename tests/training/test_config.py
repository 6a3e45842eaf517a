from __future__ import annotations

from typing import Any

import pytest

from leanspike.errors import InputError
from leanspike.training import TrainingConfig

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"epochs": 0}, "training epochs: 0 is not a whole number of at least 1"),
    ({"epochs": 1.5}, "training epochs"),
    ({"warmup_epochs": 11}, "11 is more than the 10 epochs"),
    ({"batch_size": 0}, "training batch_size"),
    ({"shift": -1}, "training shift"),
    ({"lr": 0.0}, "training lr"),
    ({"lr": float("nan")}, "training lr"),
    ({"precision": "8-true"}, "none of 32-true, bf16-mixed, 16-mixed"),
    ({"precision": "16-mixed", "accelerator": "cpu"}, "float16 needs a GPU"),
    ({"devices": 0}, "neither a number of devices nor the index of one"),
    ({"devices": (0, 1)}, "neither a number of devices nor the index of one"),
    ({"devices": 17}, "17 devices for batches of 16"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG)
def test_settings_are_checked(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        TrainingConfig(**{"epochs": 10, **changes})
