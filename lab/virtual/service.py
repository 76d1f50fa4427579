# SPDX-License-Identifier: MIT
"""The board's process: all services of one board in one event loop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .board import Board
from .console import Console
from .disk import Disk
from .fastboot import Fastboot
from .flash import Flash
from .idle import connected
from .machine import Machine
from .nvram import Nvram
from .port import Port
from .qemu import Qemu
from .rest import RestServer, Switch
from .state import StateFolder

OUTLET = "/outlet/1"
VOL_DOWN = "/button/vol-down"
REAL_TIME = "/switch/real-time"


@dataclass(frozen=True)
class Options:
    """How a board is set up; `link_speed` limits fastboot downloads, in bytes per second."""

    name: str = "virtual"
    real_time: bool = False
    link_speed: float | None = None


MakeMachine = Callable[[Path, Path, int, bool], Machine]
"""Folder for its files, disk, SSH port on the host, real time."""


async def serve(state: StateFolder, options: Options, make_machine: MakeMachine = Qemu) -> int:
    """Run a board, powered off at first, until SIGINT or SIGTERM; returns the exit code (130 after
    SIGINT)."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def end(code: int) -> None:
        if not ended.done():
            ended.set_result(code)

    loop.add_signal_handler(signal.SIGTERM, end, 0)
    loop.add_signal_handler(signal.SIGINT, end, 130)

    disk = Disk(state.path / "disk.img")
    flash = Flash(disk, Nvram(state.path / "nvram.json"))
    console = Console(state.path / "console.log")
    fastboot_port, ssh_port = Port(), Port()
    fastboot = Fastboot(flash, options.name, state.path, console.say, options.link_speed)
    machine = make_machine(state.path / "machine", disk.path, ssh_port.number, options.real_time)

    def in_use() -> bool:
        return console.in_use or connected(ssh_port.number)

    board = Board(flash, fastboot, fastboot_port.number, machine, console, in_use)
    console_port = await console.start()
    power = RestServer({OUTLET: Switch(lambda: board.powered, board.set_power)})
    buttons = RestServer(
        {
            VOL_DOWN: Switch(lambda: board.vol_down, board.press_vol_down),
            REAL_TIME: Switch(lambda: board.machine.real_time, board.set_real_time),
        }
    )
    try:
        ports = {
            "power": power.port,
            "buttons": buttons.port,
            "fastboot": fastboot_port.number,
            "console": console_port,
            "ssh": ssh_port.number,
        }
        state.publish(options.name, options.real_time, ports)
        return await ended
    finally:
        await board.set_power(False)
        power.stop()
        buttons.stop()
        await console.stop()
        fastboot_port.close()
        ssh_port.close()
