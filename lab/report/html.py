# SPDX-License-Identifier: MIT
"""Fills the template of report.html."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2

from lab.playback.session import Outcome
from lab.report.plots import playback_svg


def write(path: Path, outcomes: Sequence[Outcome], *, board: str, manifest: dict[str, Any] | None) -> None:
    """Write the report to *path*. *manifest* is that of the flashed image, None where it is not known."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lab.report", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["tell"] = _tell
    text = environment.get_template("report.html.j2").render(
        board=board,
        when=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S %Z"),
        good=all(outcome.verdict.good for outcome in outcomes),
        outcomes=[(outcome, playback_svg(outcome)) for outcome in outcomes],
        manifest=manifest,
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
