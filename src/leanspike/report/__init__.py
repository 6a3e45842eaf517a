"""Figures and the HTML page, from stored results alone."""

from leanspike.report.build import build_report
from leanspike.report.findings import Finding, Recommendation, findings, shipping
from leanspike.report.view import view

__all__ = ["Finding", "Recommendation", "build_report", "findings", "shipping", "view"]
