"""The pages for users of other frameworks: their code runs as it stands."""

import importlib
import re
import warnings
from pathlib import Path

import pytest
import torch

PAGES = Path(__file__).parents[2] / "docs" / "frameworks"

pytestmark = pytest.mark.peer


@pytest.mark.parametrize("name", ["spikingjelly", "snntorch", "norse", "sinabs"])
def test_page(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, on import and in use
        try:
            importlib.import_module(name)
        except ImportError as error:
            pytest.skip(f"needs {name}: {error}")
        torch.manual_seed(0)
        blocks = re.findall(r"```python\n(.*?)```", (PAGES / f"{name}.md").read_text(), re.S)
        assert len(blocks) >= 5
        exec(compile("\n".join(blocks), f"{name}.md", "exec"), {"__name__": name})
