# SPDX-License-Identifier: MIT
"""What the bootloader says about its board, held against what is to be flashed, before a byte is written."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.flash import Bootloader, FlashError, LinkLostError, Plan
from lab.images import ImageError
from lab.images.androidboot import BootImage
from lab.images.deploy import Image

#: Which slots of a partition are written: the current one, one of them (which then becomes the active one),
#: or both.
SLOTS = ("current", "a", "b", "both")

#: Bytes that an SDM845 bootloader takes in one download, for a plan that is made without a board (two phones
#: with this SoC report 536870912 and 805306368).
MAX_DOWNLOAD = 536_870_912


@dataclass(frozen=True)
class Survey:
    """A board as its bootloader describes it. Sizes are bytes."""

    product: str
    serial: str
    slot: str | None  #: None: the board has no slots
    max_download: int
    sizes: Mapping[str, int]  #: by the partition's full name, e.g. boot_a
    slotted: frozenset[str]  #: partitions that exist once per slot

    @classmethod
    def of(cls, bootloader: Bootloader, partitions: Sequence[str]) -> "Survey":
        """Ask about *partitions* (names without slot). Raises LabError where the board lacks one."""
        slotted = frozenset(
            name for name in partitions if _ask(bootloader, f"has-slot:{name}") in ("yes", "true")
        )
        slot = _ask(bootloader, "current-slot").removeprefix("_")
        names = [
            full
            for name in partitions
            for full in ([f"{name}_a", f"{name}_b"] if name in slotted else [name])
        ]
        return cls(
            product=bootloader.getvar("product"),
            serial=_ask(bootloader, "serialno") or "unknown",
            slot=slot if slot in ("a", "b") else None,
            max_download=_size("max-download-size", _ask(bootloader, "max-download-size"), 0, MAX_DOWNLOAD),
            sizes={
                name: _size(f"partition-size:{name}", bootloader.getvar(f"partition-size:{name}"), 16)
                for name in names
            },
            slotted=slotted,
        )

    def names(self, partition: str, slot: str) -> tuple[str, ...]:
        """The full names of *partition* for one of SLOTS. Raises FlashError where the board has no slots."""
        if partition not in self.slotted:
            return (partition,)
        chosen = {"current": (self.slot,), "both": ("a", "b")}.get(slot, (slot,))
        if None in chosen:
            raise FlashError("the bootloader does not say which slot is active: choose one with --slot")
        return tuple(f"{partition}_{one}" for one in chosen)


def _ask(bootloader: Bootloader, name: str) -> str:
    """The value of a variable that not every bootloader has; empty where it has none.

    Raises LinkLostError where it does not say: a board is not without slots because it is silent.
    """
    try:
        return bootloader.getvar(name).strip()
    except LinkLostError:
        raise
    except LabError:
        return ""


def _size(name: str, text: str, base: int, default: int = 0) -> int:
    """A variable's value in bytes; *default* where it is empty. Raises FlashError for what is no size."""
    try:
        size = int(text, base) if text else default
    except ValueError:
        size = 0
    if not 0 < size < 1 << 63:
        raise FlashError(f"the bootloader's {name} is no size: {text[:80]!r}")
    return size


@dataclass(frozen=True)
class Write:
    """One partition to be written."""

    partition: str  #: with its slot; without, where no board was asked
    image: Image
    sha256: str  #: of the image's file
    room: int | None = None  #: bytes of the partition; None where no board was asked
    max_download: int = MAX_DOWNLOAD
    present: bool = False  #: the board is known to have it

    @property
    def pieces(self) -> int:
        """Downloads that it takes at most: what is larger than one goes as sparse images without holes."""
        return max(1, -(-self.image.size // self.max_download))

    def __str__(self) -> str:
        room = "" if self.room is None else f" of {self.room:,}"
        pieces = "1 piece" if self.pieces == 1 else f"{self.pieces} pieces at most"
        skipped = ", on the board already" if self.present else ""
        return (
            f"{self.partition:8} {self.image.path.name}, {self.image.size:,} bytes{room}, "
            f"SHA-256 {self.sha256}, {pieces}{skipped}"
        )


@dataclass(frozen=True)
class Preflight:
    """What would be written, and what speaks against it."""

    survey: Survey
    writes: tuple[Write, ...]
    objections: tuple[str, ...]  #: grounds to refuse; who knows better may overrule them

    def check(self, force: bool = False) -> None:
        """Raises FlashError with all objections, unless *force*."""
        if self.objections and not force:
            raise FlashError(f"nothing was written: {'; '.join(self.objections)} (--force overrules this)")


def without_board(plan: Plan) -> tuple[Write, ...]:
    """The writes of *plan* as far as they are known without a board."""
    return tuple(Write(image.partition, image, plan.digests[image.partition]) for image in plan.images)


def prepare(
    bootloader: Bootloader,
    plan: Plan,
    *,
    slot: str = "current",
    product: str = "",
    compatible: Sequence[str] = (),
    present: Mapping[str, str] | None = None,
) -> Preflight:
    """Hold *plan* against the board.

    *product* and *compatible* are what the board must call itself, and what the device tree in a boot image
    must name, all of it and nothing else; empty for no such check. *present* maps full partition names to
    the SHA-256 of the image file that the board is known to have.

    Raises FlashError for what nobody may overrule: an image that is larger than its partition, a slot that
    the board does not have. Raises LabError where the bootloader does not answer.
    """
    survey = Survey.of(bootloader, [image.partition for image in plan.images])
    objections = list(plan.objections)
    if product and survey.product != product:
        objections.append(f"the board is a {survey.product}, not a {product}")
    writes = []
    for image in plan.images:
        if image.partition == "boot" and compatible:
            objections += _device_tree(image, compatible)
        if image.packed and (why := _no_scratch(image)):
            objections.append(why)
        digest = plan.digests[image.partition]
        for name in survey.names(image.partition, slot):
            room = survey.sizes[name]
            if image.size > room:
                raise FlashError(
                    f"nothing was written: {image.path.name} takes {image.size:,} bytes, "
                    f"the partition {name} has {room:,}"
                )
            there = (present or {}).get(name) == digest
            writes.append(Write(name, image, digest, room, survey.max_download, there))
    return Preflight(survey, tuple(writes), tuple(objections))


def _device_tree(image: Image, wanted: Sequence[str]) -> list[str]:
    """A tree that names more than the board does is for another one, as the virtual board's is."""
    try:
        found = BootImage.parse(image.path).compatible
    except ImageError as error:
        return [f"{image.path.name}: {error}"]
    if set(found) == set(wanted):
        return []
    return [f"{image.path.name} is for {', '.join(found)}, the board is {', '.join(wanted)}"]


def _no_scratch(image: Image) -> str | None:
    folder = Path(tempfile.gettempdir())
    free = shutil.disk_usage(folder).free
    if image.size <= free:
        return None
    return (
        f"{image.path.name} takes {image.size:,} bytes unpacked, {folder} has {free:,} free: "
        "make room, or let TMPDIR point elsewhere"
    )
