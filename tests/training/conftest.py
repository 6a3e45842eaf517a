from __future__ import annotations

import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for `small`, which these tests share

with warnings.catch_warnings():
    # What lightning's own imports warn of (torchmetrics loads matplotlib styles) is not ours.
    warnings.simplefilter("ignore")
    import lightning.pytorch  # noqa: F401
