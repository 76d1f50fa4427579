# SPDX-License-Identifier: MIT
"""The bootloader's hand on the disk: checks before it writes, marks what is half written, loads what is to
boot."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

from lab.images import ImageError
from lab.images.androidboot import BootImage
from lab.images.sparse import SparseImage

from .disk import Disk
from .nvram import Nvram

COMPATIBLE = ("thundercomm,db845c", "linux,dummy-virt")
"""What a device tree must name to be for this board. A real DB845c's tree names the first only, and its
kernel would find none of its hardware here."""
INTERRUPTED = "interrupted flash, marked bad"


class Flash:
    """The disk and the memory about it that outlives the power."""

    def __init__(self, disk: Disk, nvram: Nvram) -> None:
        self.disk = disk
        self.nvram = nvram

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of each partition."""
        return {name: part.size for name, part in self.disk.partitions.items()}

    def resolve(self, partition: str) -> str:
        """A partition's full name, the active slot's if none is given; ImageError for an unknown one."""
        name = f"{partition}_{self.nvram.slot}" if partition == "boot" else partition
        if name not in self.disk.partitions:
            raise ImageError(
                f"unknown partition {partition}: the board has {', '.join(self.disk.partitions)}"
            )
        return name

    def write(self, partition: str, image: BinaryIO) -> Iterator[None]:
        """Write an image step by step.

        The partition is marked bad until the last step is done, so that whatever comes between leaves the
        mark. Raises ImageError and OSError; an image that is refused leaves the partition as it was.
        """
        name = self.resolve(partition)
        if name.startswith("boot_"):
            check(BootImage.parse(self._whole(image, name)))
        steps = self.disk.write(name, image)
        self.nvram.mark_bad(name, INTERRUPTED)
        yield from steps
        self.nvram.mark_good(name)

    def erase(self, partition: str) -> None:
        """Make a partition read as zeros; a mark stays until something is flashed. Raises ImageError and
        OSError."""
        self.disk.erase(self.resolve(partition))

    def load(self) -> BootImage:
        """The boot image of the active slot; raises ImageError with the reason why it does not boot."""
        name = f"boot_{self.nvram.slot}"
        for partition in (name, "rootfs"):
            if partition in self.nvram.bad:
                raise ImageError(f"{partition}: {self.nvram.bad[partition]}")
        try:
            return check(BootImage.parse(self.disk.read(name)))
        except ImageError as error:
            raise ImageError(f"{name}: {error}") from error

    def boots(self, slot: str) -> bool:
        """Whether a slot holds something that may be booted."""
        try:
            check(BootImage.parse(self.disk.read(f"boot_{slot}")))
        except ImageError:
            return False
        return not {f"boot_{slot}", "rootfs"} & self.nvram.bad.keys()

    def _whole(self, image: BinaryIO, partition: str) -> bytes:
        """The bytes that a boot partition would hold, in memory."""
        limit = self.sizes[partition]
        size = image.seek(0, io.SEEK_END)
        image.seek(0)
        if SparseImage.recognised(image.read(4)):
            sparse = SparseImage(image)
            return sparse.read(min(sparse.size, limit))
        image.seek(0)
        return image.read(min(size, limit))


def check(boot: BootImage) -> BootImage:
    """Give the image back if it is for this board; raises ImageError if not."""
    compatible = boot.compatible
    if missing := [name for name in COMPATIBLE if name not in compatible]:
        raise ImageError(
            f"the device tree is for {', '.join(compatible)}, not for this board ({', '.join(missing)})"
        )
    boot.image()
    return boot
