# SPDX-License-Identifier: MIT
"""Options that several subcommands share."""

import click

board_option = click.option(
    "--board",
    default="virtual",
    show_default=True,
    metavar="NAME",
    help="Board, or a labgrid environment file.",
)
