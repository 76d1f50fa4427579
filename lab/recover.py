# SPDX-License-Identifier: MIT
"""A board without a bootloader, brought back over USB by ``qdl`` (Qualcomm's emergency download mode, EDL).

qdl waits for ever for a board that is not there, and begins to write before it has looked for all files of
the bundle. So both are looked at first, and qdl gets a time limit.
"""

import os
import select
import signal
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError, UserError
from lab.images import ImageError
from lab.images.manifest import inside

#: USB ids of a Qualcomm SoC in EDL mode (linux-msm/qdl, README.md).
VENDOR, PRODUCTS = "05c6", ("9008", "900e", "901d")
USB = Path("/sys/bus/usb/devices")
_POLL_S = 0.5


class BundleError(UserError):
    """The folder is no complete bundle for qdl."""


class RecoverError(LabError):
    """The board is not there, or qdl failed."""


@dataclass(frozen=True)
class Bundle:
    """The files that qdl is given."""

    folder: Path
    programmer: Path
    scripts: tuple[Path, ...]  #: rawprogram*.xml, then patch*.xml
    size: int  #: bytes that are written

    @classmethod
    def read(cls, folder: Path) -> "Bundle":
        """Look for a programmer and its scripts, and at every file that they name. Raises BundleError."""
        if not folder.is_dir():
            raise BundleError(f"{folder} is not a folder")
        programmers = sorted(folder.glob("prog_*.elf")) + sorted(folder.glob("prog_*.mbn"))
        programs = sorted(folder.glob("rawprogram*.xml"))
        if len(programmers) != 1 or not programs:
            raise BundleError(
                f"{folder} is no bundle for qdl: it needs one prog_*.elf (it has {len(programmers)}) "
                f"and rawprogram*.xml (it has {len(programs)})"
            )
        size = sum(_program(script) for script in programs)
        return cls(folder, programmers[0], (*programs, *sorted(folder.glob("patch*.xml"))), size)


def _program(script: Path) -> int:
    """Bytes that a rawprogram*.xml writes. Raises BundleError for a file that is missing or too large."""
    try:
        root = ElementTree.parse(script).getroot()
    except (ElementTree.ParseError, OSError, ValueError, LookupError) as error:
        raise BundleError(f"{script} is no XML: {error}") from error
    total = 0
    for entry in root.iter("program"):
        name, label = entry.get("filename") or "", entry.get("label") or "?"
        if not name:
            continue
        try:
            file = inside(script.parent, name)
        except ImageError as error:
            raise BundleError(f"{script.name}: {error}") from error
        if not file.is_file():
            raise BundleError(f"{script.name} names {name} for {label}, which is not in {script.parent}")
        try:
            room = int(entry.get("num_partition_sectors") or 0) * int(
                entry.get("SECTOR_SIZE_IN_BYTES") or 4096
            )
        except ValueError as error:
            raise BundleError(f"{script.name}: the size of {label} is no number") from error
        # 0 sectors: the partition takes the rest of the disk.
        if room and file.stat().st_size > room and entry.get("sparse") != "true":
            raise BundleError(f"{name} has {file.stat().st_size:,} bytes, {label} has room for {room:,}")
        total += file.stat().st_size
    return total


def boards(usb: Path = USB) -> list[str]:
    """The boards in EDL mode that are on USB now, by their place on the bus."""

    def read(device: Path, name: str) -> str:
        try:
            return (device / name).read_text().strip()
        except OSError:
            return ""

    return [
        device.name
        for device in sorted(usb.glob("*"))
        if read(device, "idVendor") == VENDOR and read(device, "idProduct") in PRODUCTS
    ]


def await_board(time_limit: float, usb: Path = USB, several: bool = False) -> None:
    """Wait for a board in EDL mode. Raises RecoverError, also for more than one unless *several*."""
    deadline = time.monotonic() + time_limit
    while not (found := boards(usb)):
        if time.monotonic() > deadline:
            raise RecoverError(
                f"no board in EDL mode on USB within {time_limit:.0f} s: power it off, unplug USB, set its "
                "switch to USB boot (docs/real-board.md), plug USB and power in again"
            )
        time.sleep(_POLL_S)
    if len(found) > 1 and not several:
        raise RecoverError(f"{len(found)} boards are in EDL mode: name one with --serial")


def command(bundle: Bundle, *, qdl: str = "qdl", serial: str = "") -> list[str]:
    """The command line, to be run in the bundle's folder."""
    options = [f"--serial={serial}"] if serial else []
    return [qdl, *options, bundle.programmer.name, *(script.name for script in bundle.scripts)]


def write(
    bundle: Bundle,
    arguments: list[str],
    *,
    time_limit: float,
    log: Path,
    on_line: Callable[[str], None] = lambda line: None,
) -> None:
    """Run qdl for at most *time_limit* seconds; its output goes to *log* and line by line to *on_line*.

    Raises RecoverError. qdl is gone in any case.
    """
    deadline = time.monotonic() + time_limit
    try:
        process = subprocess.Popen(
            arguments,
            cwd=bundle.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours to handle
        )
    except FileNotFoundError:
        raise RecoverError(
            f"there is no {arguments[0]}: install it (Debian: apt-get install qdl) or give --qdl"
        ) from None
    last, rest = "no output", ""
    with process, log.open("w") as file:
        assert process.stdout
        try:
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise RecoverError(
                        f"qdl did not end within {time_limit:.0f} s ({last}): the board is not recovered; "
                        f"power-cycle it into EDL mode again and repeat (log: {log})"
                    )
                if not select.select([process.stdout], [], [], left)[0]:
                    continue
                if not (piece := os.read(process.stdout.fileno(), 65536).decode(errors="replace")):
                    break
                file.write(piece)
                file.flush()
                *lines, rest = (rest + piece).replace("\r", "\n").split("\n")
                for line in filter(None, map(str.strip, lines)):
                    last = line
                    on_line(line)
        finally:
            if process.poll() is None:
                try:
                    process.wait(1)  # its output has ended, and it is about to
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        raise RecoverError(
            f"qdl failed ({rest.strip() or last}): the board is not recovered; power-cycle it into EDL mode "
            f"again and repeat (log: {log})"
        )
