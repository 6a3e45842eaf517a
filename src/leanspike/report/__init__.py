"""Figures and the HTML page, from stored results alone."""

from leanspike.report.build import build_report, report_text
from leanspike.report.figures import plot
from leanspike.report.findings import (
    Action,
    Finding,
    OnHardware,
    Recommendation,
    actions,
    findings,
    on_every_hardware,
    shipping,
)
from leanspike.report.view import view

__all__ = [
    "Action",
    "Finding",
    "OnHardware",
    "Recommendation",
    "actions",
    "build_report",
    "findings",
    "on_every_hardware",
    "plot",
    "report_text",
    "shipping",
    "view",
]
