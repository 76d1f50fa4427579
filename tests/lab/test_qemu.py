# SPDX-License-Identifier: MIT
"""The real machine, with a kernel of a few instructions: serial port, reset, power-off, power cut."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from bench import LIMIT, Console
from samples import boot_image, write

from lab.virtual import client
from lab.virtual.disk import Disk
from lab.virtual.machine import MachineError, Stop
from lab.virtual.port import Port
from lab.virtual.qemu import Qemu


class Rig:
    """A QEMU machine and what it printed."""

    def __init__(self, folder: Path, real_time: bool = False) -> None:
        self.port = Port()
        self.machine = Qemu(folder / "machine", Disk(folder / "disk.img").path, self.port.number, real_time)
        self.output = b""
        self.started = asyncio.Event()
        self._news = asyncio.Event()

    def run(self) -> asyncio.Task[Stop]:
        """Power on."""
        return asyncio.create_task(self.machine.run(boot_image(), self._print, self.started.set))

    async def until(self, text: bytes) -> None:
        """Wait for output."""
        async with asyncio.timeout(LIMIT):
            while text not in self.output:
                self._news.clear()
                await self._news.wait()

    def _print(self, data: bytes) -> None:
        self.output += data
        self._news.set()


def _with_rig(
    folder: Path, test: Callable[[Rig], Coroutine[Any, Any, None]], real_time: bool = False
) -> None:
    async def run() -> None:
        rig = Rig(folder, real_time)
        try:
            await test(rig)
        finally:
            rig.port.close()

    asyncio.run(run())


@pytest.mark.parametrize("real_time", [False, True])
def test_keys_arrive_and_power_off_is_seen(tmp_path: Path, real_time: bool) -> None:
    async def test(rig: Rig) -> None:
        life = rig.run()
        await rig.until(b"up!")
        await asyncio.wait_for(rig.started.wait(), LIMIT)
        rig.machine.type(b"echo")
        await rig.until(b"up!echo")
        rig.machine.type(b"q")
        assert await asyncio.wait_for(life, LIMIT) is Stop.POWEROFF

    _with_rig(tmp_path, test, real_time)


def test_a_reset_ends_the_machine(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        life = rig.run()
        await rig.until(b"up!")
        rig.machine.type(b"r")
        assert await asyncio.wait_for(life, LIMIT) is Stop.RESET

    _with_rig(tmp_path, test)


def _machines(folder: Path) -> list[Path]:
    """Processes that name the folder on their command line."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes()
            if b"qemu-system" in words and str(folder).encode() in words:
                found.append(process)
    return found


def test_a_power_cut_leaves_no_process(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        life = rig.run()
        await rig.until(b"up!")
        assert len(_machines(tmp_path)) == 1
        life.cancel()
        await asyncio.wait({life})
        assert _machines(tmp_path) == []
        rig.output = b""
        again = rig.run()
        await rig.until(b"up!")
        again.cancel()
        await asyncio.wait({again})

    _with_rig(tmp_path, test)


def test_ssh_is_forwarded_while_the_machine_runs(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        life = rig.run()
        await rig.until(b"up!")
        _, writer = await asyncio.open_connection("127.0.0.1", rig.port.number)
        writer.close()
        life.cancel()
        await asyncio.wait({life})
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", rig.port.number)

    _with_rig(tmp_path, test)


def test_a_machine_that_does_not_start_says_why(tmp_path: Path) -> None:
    async def test(rig: Rig) -> None:
        (tmp_path / "disk.img").unlink()
        with pytest.raises(MachineError, match=r"stopped by itself: .*disk\.img.*No such file"):
            await rig.run()

    _with_rig(tmp_path, test)


def test_the_machine_goes_with_its_board(tmp_path: Path) -> None:
    """Even if the board's process is killed and cannot clean up."""
    state = tmp_path / "board"
    info = client.start(state)
    try:
        console = Console(info.ports["console"])
        url = f"http://127.0.0.1:{info.ports['power']}/outlet/1"
        urllib.request.urlopen(urllib.request.Request(url, b"1", method="PUT"), timeout=LIMIT).close()
        image = write(tmp_path / "boot.img", boot_image().pack())
        address = f"tcp:127.0.0.1:{info.ports['fastboot']}"
        subprocess.run(["fastboot", "-s", address, "boot", image], check=True, timeout=LIMIT)
        console.until("up!")
        console.close()
        assert len(_machines(state)) == 1
        os.kill(info.pid, signal.SIGKILL)
        os.waitpid(info.pid, 0)
        deadline = time.monotonic() + LIMIT
        while _machines(state):
            assert time.monotonic() < deadline, "the machine outlived its board"
            time.sleep(0.01)
    finally:
        client.stop(state)
