# SPDX-License-Identifier: MIT
"""GUID partition tables on 4096-byte sectors, as UFS has them: write and read both copies.

Layout and checksums: UEFI specification 2.10, chapter 5.
"""

from __future__ import annotations

import io
import uuid
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

import construct as c

from .error import ImageError

SECTOR = 4096
"""Bytes per sector of the DB845c's UFS."""
ALIGN = 1 << 20
"""Bytes; partitions start on multiples of this, as every partitioning tool of today lays them."""
LINUX_DATA = uuid.UUID("0FC63DAF-8483-4772-8E79-3D69D8477DE4")
"""Partition type "Linux filesystem data"."""
ANDROID_BOOT = uuid.UUID("20117F86-E985-4357-B9EE-374BC1D8487D")
"""Partition type of boot_a and boot_b on Qualcomm boards (MSM partition tables)."""

_ENTRIES = 128
_ENTRY_SECTORS = _ENTRIES * 128 // SECTOR
_FIRST_USABLE = 2 + _ENTRY_SECTORS

_MBR = c.Struct(
    c.Padding(446),
    "status" / c.Const(0, c.Int8ul),
    "first_chs" / c.Const(b"\x00\x02\x00"),
    "type" / c.Const(0xEE, c.Int8ul),
    "last_chs" / c.Const(b"\xff\xff\xff"),
    "first_lba" / c.Const(1, c.Int32ul),
    "sectors" / c.Int32ul,
    c.Padding(48),
    c.Const(b"\x55\xaa"),
)
_HEADER = c.Struct(
    "signature" / c.Const(b"EFI PART"),
    "revision" / c.Const(0x00010000, c.Int32ul),
    "header_size" / c.Const(92, c.Int32ul),
    "crc32" / c.Int32ul,
    c.Padding(4),
    "my_lba" / c.Int64ul,
    "alternate_lba" / c.Int64ul,
    "first_usable" / c.Int64ul,
    "last_usable" / c.Int64ul,
    "disk_guid" / c.Bytes(16),
    "entries_lba" / c.Int64ul,
    "entries" / c.Int32ul,
    "entry_size" / c.Const(128, c.Int32ul),
    "entries_crc32" / c.Int32ul,
)
_ENTRY = c.Struct(
    "type" / c.Bytes(16),
    "guid" / c.Bytes(16),
    "first_lba" / c.Int64ul,
    "last_lba" / c.Int64ul,
    "attributes" / c.Int64ul,
    "name" / c.Bytes(72),
)


@dataclass(frozen=True)
class Partition:
    """A partition: its name (at most 36 characters), where it starts on the disk and its size, both in
    bytes."""

    name: str
    offset: int
    size: int
    type: uuid.UUID = LINUX_DATA


def lay_out(sizes: Iterable[tuple[str, int, uuid.UUID]]) -> tuple[list[Partition], int]:
    """Place partitions of (name, bytes, type) one after the other; returns them and the size of the disk in
    bytes."""
    offset = _round_up(_FIRST_USABLE * SECTOR)
    partitions = []
    for name, size, kind in sizes:
        if size <= 0 or size % SECTOR:
            raise ImageError(f"partition {name} of {size:,} bytes is not made of {SECTOR}-byte sectors")
        partitions.append(Partition(name, offset, size, kind))
        offset = _round_up(offset + size)
    return partitions, offset + _round_up((_ENTRY_SECTORS + 1) * SECTOR)


def write(disk: BinaryIO, size: int, partitions: Iterable[Partition]) -> None:
    """Write both copies of the table to a disk of `size` bytes; ImageError if a partition does not fit.

    GUIDs derive from the names, so that equal tables are equal byte by byte.
    """
    last = size // SECTOR - 1
    last_usable = last - _ENTRY_SECTORS - 1
    entries = b""
    end = _FIRST_USABLE
    for part in partitions:
        first, after = part.offset // SECTOR, (part.offset + part.size) // SECTOR
        if first < end or after - 1 > last_usable:
            raise ImageError(f"partition {part.name} overlaps another or does not fit the disk")
        end = after
        entries += _ENTRY.build(
            {
                "type": part.type.bytes_le,
                "guid": _guid(part.name),
                "first_lba": first,
                "last_lba": after - 1,
                "attributes": 0,
                "name": part.name.encode("utf-16-le").ljust(72, b"\0"),
            }
        )
    entries = entries.ljust(_ENTRIES * 128, b"\0")

    def header(my_lba: int, alternate: int, entries_lba: int) -> bytes:
        fields = {
            "crc32": 0,
            "my_lba": my_lba,
            "alternate_lba": alternate,
            "first_usable": _FIRST_USABLE,
            "last_usable": last_usable,
            "disk_guid": _guid("disk"),
            "entries_lba": entries_lba,
            "entries": _ENTRIES,
            "entries_crc32": zlib.crc32(entries),
        }
        fields["crc32"] = zlib.crc32(_HEADER.build(fields))
        return _HEADER.build(fields).ljust(SECTOR, b"\0")

    disk.seek(0)
    disk.write(_MBR.build({"sectors": min(last, 0xFFFFFFFF)}).ljust(SECTOR, b"\0"))
    disk.write(header(1, last, 2) + entries)
    disk.seek((last - _ENTRY_SECTORS) * SECTOR)
    disk.write(entries + header(last, 1, last - _ENTRY_SECTORS))


def read(disk: BinaryIO) -> list[Partition]:
    """The partitions of a disk, from the backup table if the first is damaged; ImageError if both are."""
    last = disk.seek(0, io.SEEK_END) // SECTOR - 1
    reasons = []
    for lba in (1, last):
        try:
            return _read_copy(disk, lba)
        except ImageError as error:
            reasons.append(str(error))
    raise ImageError(f"no partition table: {reasons[0]}; backup: {reasons[1]}")


def _read_copy(disk: BinaryIO, lba: int) -> list[Partition]:
    try:
        disk.seek(lba * SECTOR)
        header = _HEADER.parse(disk.read(SECTOR))
    except (c.ConstructError, ValueError, OSError):
        raise ImageError("no GPT header") from None
    if zlib.crc32(_HEADER.build({**header, "crc32": 0})) != header.crc32 or header.my_lba != lba:
        raise ImageError("the GPT header's checksum or place is wrong")
    if header.entries > _ENTRIES:
        raise ImageError(f"the GPT has {header.entries} entries, {_ENTRIES} at most are expected")
    end = disk.seek(0, io.SEEK_END)
    if header.entries_lba > end // SECTOR:
        raise ImageError("the GPT's entries lie behind the end of the disk")
    disk.seek(header.entries_lba * SECTOR)
    raw = disk.read(header.entries * 128)
    if len(raw) != header.entries * 128 or zlib.crc32(raw) != header.entries_crc32:
        raise ImageError("the checksum of the GPT's entries is wrong")
    partitions = [
        Partition(
            name=entry.name.decode("utf-16-le", "replace").rstrip("\0"),
            offset=entry.first_lba * SECTOR,
            size=(entry.last_lba - entry.first_lba + 1) * SECTOR,
            type=uuid.UUID(bytes_le=entry.type),
        )
        for entry in c.Array(header.entries, _ENTRY).parse(raw)
        if any(entry.type)
    ]
    _check(partitions, end)
    return partitions


def _check(partitions: Iterable[Partition], end: int) -> None:
    """Raises ImageError where partitions overlap, share a name, or reach behind byte `end`.

    Checksums say only that a table is as somebody wrote it.
    """
    last = 0
    names = set()
    for part in sorted(partitions, key=lambda part: part.offset):
        if part.offset < last or part.size <= 0 or part.offset + part.size > end:
            raise ImageError(f"the GPT's partition {part.name} overlaps another or does not fit the disk")
        if part.name in names:
            raise ImageError(f"the GPT has two partitions {part.name}")
        names.add(part.name)
        last = part.offset + part.size


def _guid(name: str) -> bytes:
    return uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.virtual-db845c").bytes_le


def _round_up(value: int) -> int:
    return -(-value // ALIGN) * ALIGN
