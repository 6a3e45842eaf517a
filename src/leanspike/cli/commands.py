"""The table of sub-commands: what each is for and which module holds it.

A module is imported only when its command is called, so that ``leanspike cost`` never pays for
torch and a command whose optional packages are missing does not stop the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Command:
    """A sub-command: ``module`` holds a function or a ``typer.Typer`` named as the command.

    A hyphen in the name is an underscore in the attribute.
    """

    name: str
    module: str
    summary: str

    def load(self) -> Any:
        """Import the module and return the command's function or group."""
        return getattr(import_module(self.module), self.name.replace("-", "_"))


COMMANDS: tuple[Command, ...] = (
    Command("study", "leanspike.cli.study", "Train, compress, measure and price a whole grid."),
    Command("worker", "leanspike.cli.worker", "Work on a study beside other workers."),
    Command("report", "leanspike.cli.report", "Build the HTML report of a study's results."),
    Command("results", "leanspike.cli.results", "Show or export a study's results."),
    Command("diff", "leanspike.cli.results", "Compare two studies."),
    Command("extract", "leanspike.cli.extract", "Take a setting's network out of a study."),
    Command("reproduce", "leanspike.cli.reproduce", "Judge the published study's claims."),
    Command("train", "leanspike.cli.train", "Train one float network."),
    Command("compress", "leanspike.cli.compress", "Quantize and prune a trained network."),
    Command("profile", "leanspike.cli.profile", "Measure a network's activity as a workload."),
    Command("cost", "leanspike.cli.hardware", "Price a workload on an accelerator."),
    Command("search", "leanspike.cli.search", "Find the best mapping of a layer."),
    Command("sweep", "leanspike.cli.search", "Price variants of an architecture."),
    Command("data", "leanspike.cli.data", "Turn recordings into frames, and describe them."),
)
