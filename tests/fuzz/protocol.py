# SPDX-License-Identifier: MIT
"""The fastboot protocol: a hostile client at the virtual bootloader, and a hostile bootloader at the lab."""

from __future__ import annotations

import asyncio
import functools
from contextlib import suppress

from lab.drivers.fastboot import value_of
from lab.errors import LabError
from lab.flash import Plan, listener
from lab.images.deploy import Image
from lab.images.sparse import Kind, build
from lab.preflight import prepare
from lab.virtual import disk as disks
from lab.virtual.disk import Disk
from lab.virtual.fastboot import Fastboot, Outcome, _Session
from lab.virtual.flash import Flash
from lab.virtual.link import MAX_RESPONSE, Link, LinkError
from lab.virtual.nvram import Nvram
from tests.fuzz.images import folder
from tests.fuzz.target import Target
from tests.lab.samples import boot_image

# -- client to virtual bootloader ------------------------------------------------------------------------


def _message(body: bytes) -> bytes:
    return len(body).to_bytes(8, "big") + body


def _session(*commands: str | bytes) -> bytes:
    """What a client sends: commands as text, data for a download as bytes."""
    out = b"FB01"
    for command in commands:
        if isinstance(command, bytes):
            out += _message(f"download:{len(command):08x}".encode()) + _message(command)
        else:
            out += _message(command.encode())
    return out


def _clients() -> list[bytes]:
    boot = boot_image().pack()
    sparse = build([(Kind.RAW, 1, bytes(range(256)) * 16), (Kind.FILL, 2, b"abcd"), (Kind.DONT_CARE, 1, b"")])
    return [
        _session("getvar:all", "getvar:partition-size:rootfs", "getvar:has-slot:boot", "getvar:nonsense"),
        _session("getvar:partition-type:rootfs", sparse, "flash:rootfs", "oem device-info", "reboot"),
        _session("getvar:is-logical:boot_a", boot, "flash:boot_a", "set_active:a", "continue"),
        _session(boot, "boot", "erase:boot_b", "oem help"),
        _session(b"text", "flash:rootfs", "reboot-bootloader", "set_active:_b", "powerdown"),
    ]


class _Wire:
    """The half of a connection that the session writes to."""

    def __init__(self) -> None:
        self.sent = bytearray()

    def write(self, data: bytes) -> None:
        self.sent += data

    async def drain(self) -> None:
        pass


@functools.cache
def _board() -> tuple[asyncio.AbstractEventLoop, Fastboot]:
    """A bootloader with a small disk; what a case leaves there is there for the next."""
    root = folder() / "board"
    root.mkdir()
    sizes, disks.SIZES = disks.SIZES, tuple((name, 1 << 16, kind) for name, _, kind in disks.SIZES)
    disk = Disk(root / "disk.img")
    disks.SIZES = sizes
    flash = Flash(disk, Nvram(root / "nvram.json"))
    return asyncio.new_event_loop(), Fastboot(flash, "fuzz", root, lambda line: None)


def _check_client(data: bytes) -> None:
    loop, server = _board()
    wire = _Wire()

    async def serve() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        outcome: asyncio.Future[Outcome] = loop.create_future()
        with suppress(LinkError):
            await _Session(server, Link(reader, wire, None), outcome).run()  # type: ignore[arg-type]

    loop.run_until_complete(serve())
    rest = bytes(wire.sent)[4:]
    while rest:
        length = int.from_bytes(rest[:8], "big")
        body, rest = rest[8 : 8 + length], rest[8 + length :]
        assert 4 <= len(body) == length <= MAX_RESPONSE, f"a broken response {body!r}"
        assert body[:4] in (b"OKAY", b"FAIL", b"INFO", b"DATA"), f"an unknown response {body!r}"
    flash = server.flash
    assert set(flash.nvram.bad) <= set(flash.sizes), f"a mark for no partition: {flash.nvram.bad}"
    again = Disk.__new__(Disk)
    again.path = flash.disk.path
    assert again.table() == list(flash.disk.partitions.values()), "the partition table was overwritten"


CLIENT = Target(
    "fastboot-client",
    _clients,
    _check_client,
    hot=((0, 64), (64, 256)),
    tokens=(
        b"getvar:", b"flash:", b"erase:", b"download:", b"boot", b"boot_a", b"rootfs", b"set_active:",
        b"oem ", b"all", b"partition-size:", b"../", b"\0", b"\xff\xff", b"ffffffff", b"-1", b"0x10",
        _message(b"continue"), _message(b"download:00000004"), _message(b"flash:rootfs"),
        _message(b"getvar:all"), b"\x1b[2J", b"%s%n",
    ),
)  # fmt: skip

# -- bootloader to the lab -------------------------------------------------------------------------------

_GOOD = """\
product: sdm845
serialno: fuzz
current-slot: a
max-download-size: 536870912
has-slot:boot: yes
has-slot:rootfs: no
partition-size:boot_a: 0x4000000
partition-size:boot_b: 0x4000000
partition-size:rootfs: 0xdab00000
Finished. Total time: 0.001s
"""
_FLASHED = """\
Sending sparse 'rootfs' 1/2 (524284 KB)            OKAY [  0.6s]
Writing 'rootfs'                                   OKAY [  0.1s]
Sending sparse 'rootfs' 2/2 (1000 KB)              OKAY [  0.6s]
Writing 'rootfs'                                   FAILED (remote: 'it is full')
fastboot: error: Command failed
"""


class _Bootloader:
    """What a hostile one makes the fastboot program print, whatever is asked."""

    listener = None

    def __init__(self, output: str) -> None:
        self._output = output

    def getvar(self, var: str) -> str:
        return value_of(var, self._output)

    def flash(self, partition: str, filename: str) -> None:
        """Not called."""

    def await_answer(self) -> None:
        """Not called."""


def _check_bootloader(data: bytes) -> None:
    output = data.decode(errors="replace")
    size = 600 << 20
    images = []
    for name in ("boot", "rootfs"):
        path = folder() / f"{name}.img"
        path.write_bytes(boot_image().pack() if name == "boot" else b"")
        images.append(Image(name, path, size if name == "rootfs" else 4096))
    plan = Plan(folder(), tuple(images), {"boot": "0" * 64, "rootfs": "1" * 64}, None)
    with suppress(LabError):
        preflight = prepare(_Bootloader(output), plan, product="sdm845")
        for write in preflight.writes:
            assert write.room is not None and write.room >= write.image.size, "what does not fit passed"
            assert write.pieces >= 1
            assert write.partition.isprintable(), f"a partition {write.partition!r}"
            str(write)
    before = 0

    def progress(image: Image, done: int, phase: str) -> None:
        nonlocal before
        assert 0 <= before <= done <= image.size, f"{done} bytes of {image.size} after {before}"
        before = done

    listen = listener(images[1], progress)
    for line in output.splitlines():
        listen(line)


BOOTLOADER = Target(
    "fastboot-bootloader",
    lambda: [_GOOD.encode(), _FLASHED.encode(), _GOOD.replace("a: 0x", "a:0").encode()],
    _check_bootloader,
    tokens=(
        b"-", b"0x", b"-1", b"1e9", b"inf", b"\r\n", b"\0", b"partition-size:boot_a: ", b"current-slot: ",
        b"has-slot:", b"/../", b"\x1b]0;x\x07", b"FAILED (remote: '", b"(bootloader) ", b"9" * 5000,
        "٣".encode(), b"_", b"yes", b"0", b"Sending 'x' (", b" KB) OKAY", b"; reboot",
    ),
)  # fmt: skip
