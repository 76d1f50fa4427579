# SPDX-License-Identifier: MIT
"""The board's disk: a sparse file with a GUID partition table, on which images are written step by step.

On the DB845c boot_a and boot_b lie on LUN4 of the UFS and rootfs on LUN0; here all share one disk, because
the kernel finds its root by name (PARTLABEL) and the bootloader knows its partitions by name, so that no one
sees a difference.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from lab.images import ImageError, gpt
from lab.images.sparse import Extent, SparseImage

SIZES = (
    ("boot_a", 65_536 << 10, gpt.ANDROID_BOOT),
    ("boot_b", 65_536 << 10, gpt.ANDROID_BOOT),
    ("rootfs", 3_582_912 << 10, gpt.LINUX_DATA),
)
"""Names and bytes of the board's partitions (rootfs of the DB845c as the factory left it)."""

_PIECE = 256 << 10
"""Bytes of a raw image per step; a piece that is all zeros becomes a hole."""
_FALLOC_FL_KEEP_SIZE = 1  # linux/falloc.h
_FALLOC_FL_PUNCH_HOLE = 2
_libc = ctypes.CDLL(None, use_errno=True)


class Disk:
    """The disk in the file `path`, made on first use."""

    def __init__(self, path: Path) -> None:
        """Open or make the disk; raises ImageError if the file holds another partition table."""
        self.path = path
        wanted, size = gpt.lay_out(SIZES)
        if not path.exists():
            new = path.with_suffix(".new")
            with new.open("wb") as file:
                file.truncate(size)
                gpt.write(file, size, wanted)
            new.replace(path)
        found = self.table()
        if found != wanted:
            raise ImageError(f"{path} is not a disk of this board: remove it to get a new one")
        self.partitions = {part.name: part for part in found}

    def table(self) -> list[gpt.Partition]:
        """The partitions as the disk has them now; raises ImageError where its table is broken."""
        with self.path.open("rb") as file:
            return gpt.read(file)

    def read(self, partition: str) -> bytes:
        """All bytes of a partition (64 MiB for a boot partition)."""
        part = self.partitions[partition]
        with self.path.open("rb") as file:
            file.seek(part.offset)
            return file.read(part.size)

    def write(self, partition: str, image: BinaryIO) -> Iterator[None]:
        """Write a raw or sparse image to a partition, a few megabytes per step.

        Nothing is written before the first step. Raises ImageError, before anything is written, for an image
        that is larger than the partition or a sparse image that is not sound, and OSError when the host's
        disk is full.
        """
        part = self.partitions[partition]
        size = image.seek(0, os.SEEK_END)
        image.seek(0)
        extents: Iterable[Extent]
        if SparseImage.recognised(image.read(4)):
            sparse = SparseImage(image)
            size, extents = sparse.size, sparse.extents()
        else:
            extents = _raw(image, size)
        if size > part.size:
            raise ImageError(
                f"the image of {size:,} bytes is larger than {partition}, which has {part.size:,}"
            )
        return self._apply(part, extents)

    def erase(self, partition: str) -> None:
        """Make a partition read as zeros."""
        part = self.partitions[partition]
        with self.path.open("r+b") as file:
            _punch(file, part.offset, part.size)

    def _apply(self, part: gpt.Partition, extents: Iterable[Extent]) -> Iterator[None]:
        with self.path.open("r+b", buffering=0) as file:
            for extent in extents:
                if extent.data is None or extent.data == bytes(extent.length):
                    _punch(file, part.offset + extent.offset, extent.length)
                else:
                    _write_all(file, part.offset + extent.offset, extent.data)
                yield


def _raw(image: BinaryIO, size: int) -> Iterator[Extent]:
    for offset in range(0, size, _PIECE):
        image.seek(offset)
        data = image.read(_PIECE)
        yield Extent(offset, len(data), data)


def _write_all(file: BinaryIO, offset: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        done = os.pwrite(file.fileno(), view, offset)
        view, offset = view[done:], offset + done


def _punch(file: BinaryIO, offset: int, length: int) -> None:
    """Zeros without blocks behind them: what keeps an image of gigabytes small on the host."""
    mode = _FALLOC_FL_PUNCH_HOLE | _FALLOC_FL_KEEP_SIZE
    if _libc.fallocate(file.fileno(), mode, ctypes.c_int64(offset), ctypes.c_int64(length)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
