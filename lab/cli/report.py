# SPDX-License-Identifier: MIT
"""``offload-lab report``."""

from pathlib import Path

import click

from lab.cli.screen import Screen


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def report(folder: Path) -> None:
    """Make report.html again from what a run left in its folder, e.g. build/runs/latest."""
    from lab.report import write
    from lab.results import Results

    results = Results.load(folder)
    write(folder / "report.html", results)
    Screen().say(f"report: {folder / 'report.html'}")
