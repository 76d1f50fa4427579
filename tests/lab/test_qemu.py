# SPDX-License-Identifier: MIT
"""The real machine, with a kernel of a few instructions: serial port, reset, power-off, power cut."""

import asyncio
import contextlib
import io
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

from lab.virtual import client, console, idle
from lab.virtual.board import Board
from lab.virtual.disk import Disk
from lab.virtual.fastboot import Fastboot
from lab.virtual.flash import Flash
from lab.virtual.machine import MachineError, Stop
from lab.virtual.nvram import Nvram
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


class _Alone:
    """A board whose machine runs and to which nobody is connected yet."""

    def __init__(self, folder: Path, real_time: bool) -> None:
        self.folder = folder
        self.ssh, self._fastboot = Port(), Port()
        flash = Flash(Disk(folder / "disk.img"), Nvram(folder / "nvram.json"))
        list(flash.write("boot", io.BytesIO(boot_image().pack())))
        self.line = console.Console(folder / "console.log")
        machine = Qemu(folder / "machine", flash.disk.path, self.ssh.number, real_time)
        fastboot = Fastboot(flash, "alone", folder, self.line.say)
        self.board = Board(
            flash,
            fastboot,
            self._fastboot.number,
            machine,
            self.line,
            lambda: self.line.in_use or idle.connected(self.ssh.number),
        )

    async def __aenter__(self) -> "_Alone":
        self.ports = {"console": await self.line.start(), "ssh": self.ssh.number}
        await self.board.set_power(True)
        await self.until(lambda: "up!" in self.printed)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.board.set_power(False)
        await self.line.stop()
        self.ssh.close()
        self._fastboot.close()

    @property
    def printed(self) -> str:
        """What the console's log holds."""
        return (self.folder / "console.log").read_text()

    @property
    def cpu_ticks(self) -> int:
        """CPU time of the machine's process (proc(5), fields 14 and 15 of stat)."""
        (process,) = _machines(self.folder)
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something to become true."""
        async with asyncio.timeout(LIMIT):
            while not condition():
                await asyncio.sleep(0.01)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Machines are paused as soon as nobody is connected."""
    for name in ("AFTER_START", "AFTER_USE"):
        monkeypatch.setattr(idle, name, 0.5)
    monkeypatch.setattr(idle, "POLL", 0.02)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("door", ["console", "ssh"])
def test_a_machine_is_paused_until_somebody_connects(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], door: str
) -> None:
    """Its kernel waits in a loop for keys, so it takes all the CPU time there is unless it is paused."""
    log = ""

    def logged(text: str) -> bool:
        nonlocal log
        log += capsys.readouterr().err
        return text in log

    async def test() -> None:
        nonlocal log
        async with _Alone(tmp_path, False) as alone:
            await alone.until(lambda: logged("the machine is paused"))
            ticks = -1
            while ticks != alone.cpu_ticks:  # it comes to its end
                ticks = alone.cpu_ticks
                await asyncio.sleep(0.2)
            alone.board.machine.type(b"echo")
            await asyncio.sleep(1)
            assert alone.cpu_ticks - ticks <= 1, "the machine runs"
            assert "echo" not in alone.printed

            _, client = await asyncio.open_connection("127.0.0.1", alone.ports[door])
            await alone.until(lambda: "up!echo" in alone.printed)
            assert logged("the machine goes on")
            await alone.until(lambda: alone.cpu_ticks > ticks + 20)
            log = ""
            client.close()
            await alone.until(lambda: logged("the machine is paused"))

            await alone.board.set_power(False)
            assert _machines(tmp_path) == []
            await alone.board.set_power(True)
            await alone.until(lambda: alone.printed.count("up!") == 2)
            alone.board.machine.type(b"q")
            await alone.until(lambda: not alone.board.powered)

    asyncio.run(test())


@pytest.mark.usefixtures("hasty")
def test_in_real_time_nothing_is_paused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def test() -> None:
        async with _Alone(tmp_path, True) as alone:
            await asyncio.sleep(2 * idle.AFTER_START)
            alone.board.machine.type(b"echo")
            await alone.until(lambda: "up!echo" in alone.printed)

    asyncio.run(test())
    assert capsys.readouterr().err == ""
