# SPDX-License-Identifier: MIT
"""The bootloader's fastboot server.

Commands and variables: AOSP, system/core/fastboot/README.md. No dump of a DB845c's variables is public; the
answers (product, max-download-size, logical-block-size, two slots for boot) are those of two SDM845 phones,
and only these back them.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from lab.images import ImageError
from lab.images.androidboot import BootImage

from .flash import INTERRUPTED, Flash, check
from .link import Link, LinkError
from .nvram import SLOTS

MAX_DOWNLOAD = 536_870_912
"""Bytes that the bootloader takes in one download."""
RETRIES = 7
"""What Android's boot control starts a slot with; this bootloader does not count down."""


class Next(Enum):
    """Where fastboot goes when a client sends it away."""

    BOOT = "boot"
    REBOOT = "reboot"
    BOOTLOADER = "reboot to bootloader"
    OFF = "power-off"


@dataclass(frozen=True)
class Outcome:
    """How fastboot was left: what comes next, and the image to boot if it is BOOT."""

    next: Next
    image: BootImage | None = None


class CommandError(Exception):
    """A command that is refused; the message goes to the client."""


class Fastboot:
    """Serves one client after the other until one of them sends the board elsewhere."""

    def __init__(
        self,
        flash: Flash,
        name: str,
        folder: Path,
        say: Callable[[str], None],
        link_speed: float | None = None,
    ) -> None:
        """Downloads are kept in a nameless file in `folder`; `say` prints on the console."""
        self.flash = flash
        self.name = name
        self.say = say
        self.folder = folder
        self._speed = link_speed
        self._turn = asyncio.Lock()

    async def serve(self, port: int, listening: Callable[[], None]) -> Outcome:
        """Listen on 127.0.0.1 until fastboot is left; cancelling it drops all clients, as a power cut
        does."""
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        tasks: set[asyncio.Task[None]] = set()

        async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            link = Link(reader, writer, self._speed)
            try:
                async with self._turn:
                    if not outcome.done():
                        await _Session(self, link, outcome).run()
            except LinkError as error:
                self.say(f"fastboot: {error}")
            except asyncio.CancelledError:
                pass  # the board's power is cut; the streams would log it as an error
            finally:
                tasks.discard(task)
                with contextlib.suppress(ConnectionError):
                    writer.close()

        server = await asyncio.start_server(client, "127.0.0.1", port)
        try:
            listening()
            return await outcome
        finally:
            server.close()
            for task in list(tasks):
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)


class _Session:
    """One client from handshake to hang-up."""

    def __init__(self, server: Fastboot, link: Link, outcome: asyncio.Future[Outcome]) -> None:
        self._server = server
        self._flash = server.flash
        self._say = server.say
        self._link = link
        self._outcome = outcome
        self._download: BinaryIO | None = None
        self._target: str | None = None
        """The partition that the client is about to write: it asks for its size or kind before it sends
        data."""
        self._commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "getvar": self._getvar,
            "download": self._receive,
            "flash": self._write,
            "erase": self._erase,
            "set_active": self._set_active,
            "oem": self._oem,
            "boot": self._boot,
            "continue": self._continue,
            "reboot": self._reboot,
            "reboot-bootloader": self._reboot_bootloader,
            "powerdown": self._powerdown,
        }

    async def run(self) -> None:
        """Answer commands; whatever breaks off between the first byte of an image and its last marks its
        partition."""
        await self._link.handshake()
        try:
            while not self._outcome.done() and (line := await self._link.command()) is not None:
                await self._answer(line)
        finally:
            if self._download is not None and self._target is not None:
                self._flash.nvram.mark_bad(self._target, INTERRUPTED)
                self._say(f"{self._target}: {INTERRUPTED}")
            self._drop_download()

    async def _answer(self, line: str) -> None:
        word, _, argument = line.partition(" " if line.startswith("oem ") else ":")
        command = self._commands.get(word)
        try:
            if command is None:
                raise CommandError(f"unknown command {word}")
            await command(argument)
        except (CommandError, ImageError) as error:
            self._say(f"fastboot: {line}: {error}")
            await self._link.send("FAIL", str(error))
        except OSError as error:
            self._say(f"fastboot: {line}: {error.strerror}")
            await self._link.send("FAIL", f"the board's storage failed: {error.strerror}")

    # -- variables -------------------------------------------------------------------------------------------

    def _variables(self) -> dict[str, Callable[[], str]]:
        flash = self._flash
        fixed = {
            "version": "0.4",
            "version-bootloader": "virtual",
            "product": "sdm845",
            "serialno": self._server.name,
            "secure": "no",
            "unlocked": "yes",
            "is-userspace": "no",
            "max-download-size": str(MAX_DOWNLOAD),
            "logical-block-size": "0x1000",
            "erase-block-size": "0x1000",
            "slot-count": str(len(SLOTS)),
            "has-slot:boot": "yes",
            "has-slot:rootfs": "no",
        }
        for name, size in flash.sizes.items():
            fixed[f"partition-size:{name}"] = f"{size:#x}"
            fixed[f"partition-type:{name}"] = "ext4" if name == "rootfs" else "raw"
            fixed[f"is-logical:{name}"] = "no"
        variables: dict[str, Callable[[], str]] = {
            key: functools.partial(str, value) for key, value in fixed.items()
        }
        variables["current-slot"] = functools.partial(getattr, flash.nvram, "slot")
        for slot in SLOTS:
            variables[f"slot-successful:{slot}"] = functools.partial(self._boots, slot, "yes", "no")
            variables[f"slot-unbootable:{slot}"] = functools.partial(self._boots, slot, "no", "yes")
            variables[f"slot-retry-count:{slot}"] = functools.partial(str, RETRIES)
        return variables

    def _boots(self, slot: str, yes: str, no: str) -> str:
        return yes if self._flash.boots(slot) else no

    async def _getvar(self, name: str) -> None:
        variables = self._variables()
        if name == "all":
            for key, value in variables.items():
                await self._link.send("INFO", f"{key}:{value()}")
            await self._link.send("OKAY")
            return
        key, _, partition = name.partition(":")
        if partition and key in ("partition-size", "partition-type", "is-logical"):
            partition = self._flash.resolve(partition)
            name = f"{key}:{partition}"
            self._target = partition
        if name not in variables:
            raise CommandError(f"unknown variable {name}")
        await self._link.send("OKAY", variables[name]())

    # -- images ----------------------------------------------------------------------------------------------

    async def _receive(self, argument: str) -> None:
        try:
            size = int(argument, 16)
        except ValueError:
            raise CommandError("download needs a size of hexadecimal digits") from None
        if not 0 < size <= MAX_DOWNLOAD:
            raise CommandError(f"a download has 1 to {MAX_DOWNLOAD:,} bytes, not {size:,}")
        self._drop_download()
        self._download = tempfile.TemporaryFile(dir=self._server.folder)  # noqa: SIM115 (lives until dropped)
        self._say(f"fastboot: download of {size:,} bytes{f' for {self._target}' if self._target else ''}")
        await self._link.send("DATA", f"{size:08x}")
        try:
            await self._link.receive(size, self._download)
        except OSError:
            self._drop_download()
            raise
        await self._link.send("OKAY")

    async def _write(self, partition: str) -> None:
        image = self._downloaded()
        self._target = self._flash.resolve(partition)
        self._say(f"fastboot: flash {self._target}")
        try:
            for _ in self._flash.write(self._target, image):
                await asyncio.sleep(0)
        except (ImageError, OSError):
            self._drop_download()
            raise
        self._drop_download()
        await self._link.send("OKAY")

    async def _erase(self, partition: str) -> None:
        self._flash.erase(partition)
        self._say(f"fastboot: erased {partition}")
        await self._link.send("OKAY")

    async def _boot(self, _: str) -> None:
        image = self._downloaded()
        image.seek(0)
        try:
            boot = check(BootImage.parse(image.read()))
        finally:
            self._drop_download()
        await self._leave(Next.BOOT, boot)

    def _downloaded(self) -> BinaryIO:
        if self._download is None:
            raise CommandError("nothing was downloaded")
        return self._download

    def _drop_download(self) -> None:
        if self._download is not None:
            with contextlib.suppress(OSError):  # a full disk has been told of already
                self._download.close()
            self._download = None

    # -- the board -------------------------------------------------------------------------------------------

    async def _set_active(self, slot: str) -> None:
        slot = slot.removeprefix("_")
        if slot not in SLOTS:
            raise CommandError(f"no slot {slot}: the board has {' and '.join(SLOTS)}")
        self._flash.nvram.set_slot(slot)
        await self._link.send("OKAY")

    async def _oem(self, line: str) -> None:
        if line == "device-info":
            nvram = self._flash.nvram
            lines = ["Device unlocked: true", f"Active slot: {nvram.slot}"]
            lines += [f"{name}: {why}" for name, why in nvram.bad.items()]
            lines += [f"Slot {slot} boots: {self._boots(slot, 'true', 'false')}" for slot in SLOTS]
        elif line == "help":
            lines = ["oem device-info: lock, slot and damage", "oem help: this"]
        else:
            raise CommandError(f"unknown command oem {line}, see oem help")
        for text in lines:
            await self._link.send("INFO", text)
        await self._link.send("OKAY")

    async def _continue(self, _: str) -> None:
        await self._leave(Next.BOOT, self._flash.load())

    async def _reboot(self, target: str) -> None:
        if target not in ("", "bootloader"):
            raise CommandError(f"there is no {target} to reboot to")
        await self._leave(Next.BOOTLOADER if target else Next.REBOOT)

    async def _reboot_bootloader(self, _: str) -> None:
        await self._leave(Next.BOOTLOADER)

    async def _powerdown(self, _: str) -> None:
        await self._leave(Next.OFF)

    async def _leave(self, where: Next, image: BootImage | None = None) -> None:
        await self._link.send("OKAY")
        if not self._outcome.done():
            self._outcome.set_result(Outcome(where, image))
