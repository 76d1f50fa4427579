# SPDX-License-Identifier: MIT
"""One page over all runs, from the newest to the oldest: what passed, and what playing cost."""

from pathlib import Path

import jinja2

from lab import runs
from lab.report.history import history_svg
from lab.report.run import read


def write(root: Path) -> Path:
    """Write ``index.html`` into the folder of all runs, and return its path."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lab.report", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )
    found = [read(folder) for folder in runs.existing(root)]
    path = root / "index.html"
    path.write_text(
        environment.get_template("index.html.j2").render(runs=found[::-1], history=history_svg(found)),
        encoding="utf-8",
    )
    return path
