"""A run folder becomes one HTML file that needs no network, no server and no scripts."""

from __future__ import annotations

from factlab.report.page import render_report, write_report
from factlab.report.verdict import verdict

__all__ = ["render_report", "verdict", "write_report"]
