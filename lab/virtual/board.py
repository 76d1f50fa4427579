# SPDX-License-Identifier: MIT
"""The board: from power-on through the bootloader to a running kernel, and back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lab.images import ImageError
from lab.images.androidboot import BootImage

from . import idle
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
        self,
        flash: Flash,
        fastboot: Fastboot,
        fastboot_port: int,
        machine: Machine,
        console: Console,
        in_use: Callable[[], bool],
    ) -> None:
        """`in_use` tells whether anybody is connected to the machine."""
        self.powered = False
        """Whether the board is on; a kernel that powers off turns it off."""
        self.vol_down = False
        self.machine = machine
        self._flash = flash
        self._fastboot = fastboot
        self._port = fastboot_port
        self._console = console
        self._in_use = in_use
        self._life: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()
        self._switching = asyncio.Lock()

    async def set_power(self, on: bool) -> None:
        """Turn the power on or off; returns when fastboot listens or the machine runs, or when all is off."""
        async with self._switching:
            if on and not self.powered:
                self.powered = True
                self._settled.clear()
                await self._console.admit()
                self._life = asyncio.create_task(self._live())
                settled = asyncio.create_task(self._settled.wait())
                await asyncio.wait({self._life, settled}, return_when=asyncio.FIRST_COMPLETED)
                settled.cancel()
                if self._life.done():
                    self._life.result()  # raises what went wrong, if something did
            elif not on and self._life is not None:
                self._life.cancel()
                await asyncio.wait({self._life})
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
        try:
            reason = await self._until_off()
        except OSError as error:
            self._console.say(f"failed: {error}")
            raise
        finally:
            self.powered = False
        self._console.say(reason)

    async def _until_off(self) -> str:
        stay = ""
        while True:
            image = self._choose(stay)
            stay = ""
            if image is None:
                outcome = await self._fastboot.serve(self._port, self._listening)
                if outcome.next is Next.OFF:
                    return outcome.next.value
                image = outcome.image
                if image is None:
                    self._console.say(outcome.next.value)
                    stay = "asked to" if outcome.next is Next.BOOTLOADER else ""
                    continue
            try:
                stop = await self._run(image)
            except MachineError as error:
                stay = str(error)
                continue
            if stop is Stop.POWEROFF:
                return stop.value
            self._console.say(stop.value)

    def _listening(self) -> None:
        self._console.say("fastboot mode")
        self._settled.set()

    def _choose(self, stay: str) -> BootImage | None:
        """What the bootloader boots by itself; None to stay in fastboot, with the reason on the console."""
        self._console.say(f"virtual DB845c {self._fastboot.name}, slot {self._flash.nvram.slot}")
        if stay or self.vol_down:
            self._console.say(f"staying here: {stay or 'VOL- is held'}")
            return None
        try:
            return self._flash.load()
        except ImageError as error:
            self._console.say(str(error))
            return None

    async def _run(self, image: BootImage) -> Stop:
        self._console.say(f"booting {image.name or 'the kernel'}: {image.cmdline}")
        self._console.on_input = self.machine.type
        virtual_time = not self.machine.real_time
        watch: asyncio.Task[None] | None = None

        def started() -> None:
            nonlocal watch
            self._settled.set()
            if virtual_time:
                watch = asyncio.create_task(idle.watch(self._in_use, self.machine.pause))

        try:
            return await self.machine.run(image, self._console.write, started)
        finally:
            self._console.on_input = None
            if watch is not None:
                watch.cancel()
