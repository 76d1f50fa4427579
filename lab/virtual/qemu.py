# SPDX-License-Identifier: MIT
"""The machine: QEMU, started from the parts of a boot image as a bootloader would start a kernel."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from lab.images.androidboot import BootImage

from .machine import INSTRUCTION_NS, MachineError, Stop

# The kernel's device tree is static and describes exactly this machine. Version 7.2 is Debian 12's QEMU;
# later ones offer it unchanged. The Cortex-A57 is the A-class core that TCG models without pointer
# authentication, which is slow.
_MACHINE = ("-M", "virt-7.2,iommu=smmuv3", "-cpu", "cortex-a57", "-smp", "2", "-m", "1024")
_SECTOR = 4096
_READ = 65536


class Qemu:
    """One QEMU process at a time, with the board's disk; its files live in `folder`."""

    def __init__(self, folder: Path, disk: Path, ssh_port: int, real_time: bool) -> None:
        """`ssh_port` of 127.0.0.1 leads to the machine's port 22; it has no other way in or out."""
        self._folder = folder
        self._disk = disk
        self._ssh_port = ssh_port
        self.real_time = real_time
        self._stdin: asyncio.StreamWriter | None = None
        self._qmp: asyncio.StreamWriter | None = None

    async def run(
        self, boot: BootImage, output: Callable[[bytes], None], started: Callable[[], None]
    ) -> Stop:
        """See Machine.run."""
        try:
            self._folder.mkdir(exist_ok=True)
            (self._folder / "Image").write_bytes(boot.image())
            (self._folder / "board.dtb").write_bytes(boot.dtb)
            (self._folder / "ramdisk").write_bytes(boot.ramdisk)
        except OSError as error:
            raise MachineError(f"cannot load the kernel: {error.strerror}") from error
        ours, theirs = socket.socketpair()
        log = self._folder / "qemu.log"
        with ours, theirs, log.open("wb") as stderr:
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._command(boot, theirs.fileno()),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=stderr,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            except OSError as error:
                raise MachineError(f"cannot start QEMU: {error}") from error
            theirs.close()
            assert process.stdin is not None and process.stdout is not None
            self._stdin = process.stdin
            tasks = [asyncio.create_task(_pump(process.stdout, output))]
            try:
                reader, writer = await asyncio.open_connection(sock=ours)
                self._qmp = writer
                with contextlib.closing(writer):
                    stop = await _watch(reader, writer, started)
                    await asyncio.gather(process.wait(), *tasks)
            finally:
                self._stdin = self._qmp = None
                for task in tasks:
                    task.cancel()
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if stop is None:
            words = log.read_text(errors="replace").strip().splitlines()
            raise MachineError(f"the machine stopped by itself: {words[-1] if words else 'no reason given'}")
        return stop

    def type(self, keys: bytes) -> None:
        """See Machine.type."""
        if self._stdin is not None and not self._stdin.is_closing():
            self._stdin.write(keys)

    def pause(self, on: bool) -> None:
        """See Machine.pause."""
        if self._qmp is not None and not self._qmp.is_closing():
            self._qmp.write(b'{"execute": "stop"}\n' if on else b'{"execute": "cont"}\n')

    def _command(self, boot: BootImage, qmp: int) -> list[str]:
        # setpriv: should the board's process be killed, QEMU goes with it
        command = ["setpriv", "--pdeathsig", "KILL", "--", "qemu-system-aarch64"]
        command += ["-nodefaults", "-no-user-config", *_MACHINE, "-display", "none", "-no-reboot"]
        if not self.real_time:
            # Idle time is skipped, so that waiting for music to end costs nothing. QEMU wants the logarithm.
            command += ["-icount", f"shift={INSTRUCTION_NS.bit_length() - 1},sleep=off"]
        command += ["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"]
        command += ["-chardev", f"socket,id=qmp,fd={qmp}", "-mon", "chardev=qmp,mode=control"]
        # A power cut kills QEMU, not the host, so the page cache is as safe as a disk
        file = str(self._disk).replace(",", ",,")  # the option parser's way to write a comma
        command += ["-drive", f"if=none,id=disk,format=raw,cache=unsafe,discard=unmap,file={file}"]
        sectors = f"logical_block_size={_SECTOR},physical_block_size={_SECTOR}"
        command += ["-device", f"virtio-blk-pci,drive=disk,{sectors}"]
        command += ["-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{self._ssh_port}-:22"]
        command += ["-device", "virtio-net-pci,netdev=net,romfile="]
        command += ["-device", "virtio-rng-pci"]
        command += ["-kernel", str(self._folder / "Image"), "-dtb", str(self._folder / "board.dtb")]
        if boot.ramdisk:
            command += ["-initrd", str(self._folder / "ramdisk")]
        return [*command, "-append", boot.cmdline]


async def _pump(stdout: asyncio.StreamReader, output: Callable[[bytes], None]) -> None:
    while data := await stdout.read(_READ):
        output(data)


async def _watch(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, started: Callable[[], None]
) -> Stop | None:
    """Follow QEMU's events until it goes; returns what the guest did to end it, None if the guest did
    nothing."""
    stop = None
    with contextlib.suppress(ConnectionError):
        while line := await reader.readline():
            message = json.loads(line)
            if "QMP" in message:
                writer.write(b'{"execute": "qmp_capabilities", "id": "start"}\n')
            elif "return" in message and message.get("id") == "start":
                started()
            elif message.get("event") == "SHUTDOWN":
                reason = message["data"]["reason"]
                stop = {"guest-reset": Stop.RESET, "guest-shutdown": Stop.POWEROFF}.get(reason)
    return stop
