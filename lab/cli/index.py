# SPDX-License-Identifier: MIT
"""``offload-lab index``."""

import click

from lab.cli.screen import Screen


@click.command()
def index() -> None:
    """Write a page over all runs: what passed and failed, and what playing cost the CPU."""
    from lab.paths import RUNS
    from lab.report.index import write

    RUNS.mkdir(parents=True, exist_ok=True)
    Screen().say(f"index: {write(RUNS)}")
