# SPDX-License-Identifier: MIT
"""``offload-lab board``."""

import click

from lab.cli.options import board_option


@click.group()
def board() -> None:
    """Start, stop and look at a board."""


@board.command()
@board_option
@click.option("--real-time", is_flag=True, help="Let time pass in the board as on the host, to listen.")
def start(board: str, real_time: bool) -> None:
    """Start a virtual board and switch it on; it boots what was flashed, or waits in fastboot."""
    from lab.environment import Board

    known = Board.find(board)
    info = known.start(real_time=real_time)
    environment = known.load()
    try:
        environment.get_target().get_driver("PowerProtocol").on()
    finally:
        environment.cleanup()
    ports = ", ".join(f"{name} {port}" for name, port in info.ports.items())
    click.echo(f"{known.name} runs as process {info.pid}; ports on 127.0.0.1: {ports}")


@board.command()
@board_option
@click.option("--force", is_flag=True, help="Also while somebody uses the board.")
def stop(board: str, force: bool) -> None:
    """Cut a virtual board's power and end its process."""
    from lab.environment import Board

    known = Board.find(board)
    if not force:
        known.check_free()
    click.echo(f"{known.name} is stopped" if known.stop() else f"{known.name} did not run")


@board.command()
@board_option
def status(board: str) -> None:
    """Say whether a board is on and what it does; exit code 1 where a virtual board does not run."""
    from lab.environment import Board

    known = Board.find(board)
    if known.virtual and (info := known.running()) is None:
        click.echo(f"{known.name} does not run")
        raise click.exceptions.Exit(1)
    environment = known.load()
    try:
        strategy = environment.get_target().get_driver("OffloadStrategy", activate=False)
        if not strategy.powered():
            state = "off"
        elif strategy.in_fastboot():
            state = "in fastboot mode"
        else:
            state = "on"
    finally:
        environment.cleanup()
    click.echo(f"{known.name} is {state}")
    if known.virtual and info:
        click.echo(f"process: {info.pid}")
        for name, port in info.ports.items():
            click.echo(f"{name}: 127.0.0.1:{port}")


@board.command()
@board_option
def console(board: str) -> None:
    """Talk to a board's serial console; Ctrl-] ends it."""
    from lab.cli.terminal import connect
    from lab.environment import Board

    environment = Board.find(board).load()
    try:
        connect(environment.get_target().get_driver("SerialDriver", activate=False).port)
    finally:
        environment.cleanup()
