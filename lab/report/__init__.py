# SPDX-License-Identifier: MIT
"""The report of a run as one HTML file that needs no network."""

from lab.report.html import write

__all__ = ["write"]
