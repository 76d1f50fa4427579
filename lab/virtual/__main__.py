# SPDX-License-Identifier: MIT
"""Run a virtual board in the foreground: `python -m lab.virtual --state DIR`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from lab.images import ImageError

from .service import Options, serve
from .state import StateError, StateFolder


@click.command()
@click.option(
    "--state", required=True, type=click.Path(path_type=Path), help="Folder of the board: disk, logs, ports."
)
@click.option("--name", default="virtual", show_default=True, help="Name and serial number of the board.")
@click.option("--real-time", is_flag=True, help="Let time pass in the board as on the host, for listening.")
@click.option(
    "--link-speed", type=click.FloatRange(min=0, min_open=True), help="Limit fastboot downloads to MB/s."
)
def main(state: Path, name: str, real_time: bool, link_speed: float | None) -> None:
    """Run a virtual DB845c until Ctrl-C; DIR/board.json tells its ports once all services listen."""
    options = Options(name, real_time, link_speed * 1e6 if link_speed is not None else None)
    try:
        with StateFolder(state.absolute()) as folder:
            sys.exit(asyncio.run(serve(folder, options)))
    except (StateError, ImageError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except OSError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
