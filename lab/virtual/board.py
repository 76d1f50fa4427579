# SPDX-License-Identifier: MIT
"""The board: from power-on through the bootloader to a running kernel, and back."""

from __future__ import annotations

import asyncio
import contextlib

from lab.images import ImageError
from lab.images.androidboot import BootImage

from .console import Console
from .fastboot import Fastboot, Next
from .flash import Flash
from .machine import Machine, MachineError, Stop


class Board:
    """Power and buttons over the bootloader and the machine.

    The board's life is one task; cutting the power cancels it, wherever it is.

        off --power--> bootloader --slot boots--> running --reset--> bootloader
         ^                 |  ^                      |
         |   VOL- or bad slot  reboot, continue      |
         |                 v  |                      |
         +--power cut-- fastboot                     |
         +---------------- power cut, power-off -----+
    """

    def __init__(
        self, flash: Flash, fastboot: Fastboot, fastboot_port: int, machine: Machine, console: Console
    ) -> None:
        self.vol_down = False
        self.machine = machine
        self._flash = flash
        self._fastboot = fastboot
        self._port = fastboot_port
        self._console = console
        self._life: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()
        self._switching = asyncio.Lock()

    @property
    def powered(self) -> bool:
        """Whether the board is on; a kernel that powers off turns it off."""
        return self._life is not None and not self._life.done()

    async def set_power(self, on: bool) -> None:
        """Turn the power on or off; returns when fastboot listens or the machine runs, or when all is off."""
        async with self._switching:
            if on and not self.powered:
                self._settled.clear()
                self._life = asyncio.create_task(self._live())
                settled = asyncio.create_task(self._settled.wait())
                await asyncio.wait({self._life, settled}, return_when=asyncio.FIRST_COMPLETED)
                settled.cancel()
            elif not on and self._life is not None:
                self._life.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._life
                self._life = None
                self._console.say("power off")

    async def press_vol_down(self, held: bool) -> None:
        """Hold or release VOL-; the bootloader looks at it when it starts."""
        self.vol_down = held

    async def set_real_time(self, on: bool) -> None:
        """Choose the machine's clock for its next start."""
        self.machine.real_time = on

    async def _live(self) -> None:
        self._console.say("power on")
        stay = False
        while True:
            image = self._choose(stay)
            stay = False
            if image is None:
                self._console.say("fastboot mode")
                outcome = await self._fastboot.serve(self._port, self._settled.set)
                if outcome.next is Next.OFF:
                    self._console.say("powered down")
                    return
                image = outcome.image
                if image is None:
                    self._console.say(outcome.next.value)
                    stay = outcome.next is Next.BOOTLOADER
                    continue
            try:
                stop = await self._run(image)
            except MachineError as error:
                self._console.say(str(error))
                stay = True
                continue
            self._console.say(stop.value)
            if stop is Stop.POWEROFF:
                return

    def _choose(self, stay: bool) -> BootImage | None:
        """What the bootloader boots by itself; None to stay in fastboot, with the reason on the console."""
        self._console.say(f"virtual DB845c {self._fastboot.name}, slot {self._flash.nvram.slot}")
        if stay or self.vol_down:
            self._console.say("VOL- is held" if self.vol_down else "staying, as told")
            return None
        try:
            return self._flash.load()
        except ImageError as error:
            self._console.say(str(error))
            return None

    async def _run(self, image: BootImage) -> Stop:
        self._console.say(f"booting {image.name or 'the kernel'}: {image.cmdline}")
        self._console.on_input = self.machine.type
        try:
            return await self.machine.run(image, self._console.write, self._settled.set)
        finally:
            self._console.on_input = None
