# SPDX-License-Identifier: MIT
"""``offload-lab compare``."""

from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from lab.cli.screen import Screen


@click.command()
@click.argument("one", metavar="RUN_A", type=click.Path(path_type=Path))
@click.argument("two", metavar="RUN_B", type=click.Path(path_type=Path))
def compare(one: Path, two: Path) -> int:
    """Compare two runs file by file and test by test, e.g. a real board's and the virtual one's.

    What one board cannot tell is no difference. Exit code 1 means that they differ.
    """
    from lab.compare import compare as hold

    screen = Screen()
    found = hold(one, two)
    screen.say(f"{len(found.files)} files and {len(found.tests)} tests are in both")
    for name in found.only:
        screen.say(f"in one run only: {escape(name)}")
    if not found.differences:
        screen.say("no difference")
        return 0
    table = Table("file or test", "what", str(one), str(two), box=None, pad_edge=False)
    for difference in found.differences:
        table.add_row(*map(escape, (difference.subject, difference.what, difference.one, difference.two)))
    screen.console.print(table)
    return 1
