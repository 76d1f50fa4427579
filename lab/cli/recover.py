# SPDX-License-Identifier: MIT
"""``offload-lab recover``."""

from pathlib import Path

import click

from lab.cli.screen import Screen


@click.command()
@click.option("--dry-run", is_flag=True, help="Check the bundle, show the command, write nothing.")
@click.option("--yes", is_flag=True, help="Do not ask: everything on the board is overwritten.")
@click.option("--serial", default="", metavar="S", help="Serial number of the board, where several wait.")
@click.option("--qdl", default="qdl", show_default=True, metavar="PROGRAM", help="qdl to run.")
@click.option("--wait", default=60.0, show_default=True, help="Seconds to wait for the board.")
@click.option("--limit", default=900.0, show_default=True, help="Seconds that qdl may take.")
@click.argument("bundle", metavar="DIR", type=click.Path(path_type=Path))
def recover(dry_run: bool, yes: bool, serial: str, qdl: str, wait: float, limit: float, bundle: Path) -> None:
    """Bring back a board without a bootloader: write the bundle DIR with qdl, over USB in EDL mode.

    DIR holds prog_firehose*.elf, rawprogram*.xml and patch*.xml, e.g. the board vendor's bootloader package.
    """
    from lab import recover as edl
    from lab import runs

    screen = Screen()
    found = edl.Bundle.read(bundle)
    arguments = edl.command(found, qdl=qdl, serial=serial)
    screen.say(f"{found.size:,} bytes; in {found.folder}: {' '.join(arguments)}")
    if dry_run:
        screen.say("the bundle is complete; nothing was written (--dry-run)")
        return
    if not yes:
        click.confirm("bootloader and partition table of the board are overwritten: go on?", abort=True)
    folder = runs.new_folder("recover")
    screen.say("waiting for a board in EDL mode")
    edl.await_board(wait, several=bool(serial))
    screen.say(f"writing; log: {folder / 'qdl.log'}")
    try:
        edl.write(found, arguments, time_limit=limit, log=folder / "qdl.log", on_line=screen.say)
    except KeyboardInterrupt:
        click.echo("the board is not recovered: repeat this before you power it as usual", err=True)
        raise
    screen.say("done: set the switch back, power-cycle the board, then flash it (offload-lab flash)")
