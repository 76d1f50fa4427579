# SPDX-License-Identifier: MIT
"""Fills the template of report.html."""

from pathlib import Path

import jinja2

from lab.report.plots import playback_svg
from lab.results import Results


def write(path: Path, results: Results) -> None:
    """Write the report of *results* to *path*."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lab.report", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["tell"] = _tell
    text = environment.get_template("report.html.j2").render(
        results=results,
        pictures=[playback_svg(outcome) for outcome in results.outcomes],
        manifest=results.manifest,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _tell(value: object) -> str:
    """A value for people: what a board cannot tell is a dash."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
