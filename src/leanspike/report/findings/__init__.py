"""What a study found, in plain words, with numbers and with what is noise."""

from leanspike.report.findings.across import OnHardware, hardware_table, on_every_hardware
from leanspike.report.findings.actions import Action, actions
from leanspike.report.findings.all_findings import findings
from leanspike.report.findings.finding import Finding
from leanspike.report.findings.shipping import Recommendation, shipping

__all__ = [
    "Action",
    "Finding",
    "OnHardware",
    "Recommendation",
    "actions",
    "findings",
    "hardware_table",
    "on_every_hardware",
    "shipping",
]
