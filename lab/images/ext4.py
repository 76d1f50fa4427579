# SPDX-License-Identifier: MIT
"""The superblock of an ext4 file system: is it one, how large, and what is it called.

Layout: Linux, Documentation/filesystems/ext4/super.rst.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import construct as c

from .error import ImageError

HEAD = 2048
"""Bytes from the start of an image that hold its superblock."""
MAX_SIZE = 1 << 60
"""Bytes; no ext4 file system is larger."""

_INCOMPAT_64BIT = 0x80
_SUPERBLOCK = c.Struct(
    "blocks_lo" / c.Pointer(0x04, c.Int32ul),
    "log_block_size" / c.Pointer(0x18, c.Int32ul),
    "magic" / c.Pointer(0x38, c.Int16ul),
    "incompat" / c.Pointer(0x60, c.Int32ul),
    "uuid" / c.Pointer(0x68, c.Bytes(16)),
    "label" / c.Pointer(0x78, c.Bytes(16)),
    "blocks_hi" / c.Pointer(0x150, c.Int32ul),
)


@dataclass(frozen=True)
class Ext4:
    """A file system: block size and whole size in bytes, label, UUID."""

    block_size: int
    size: int
    label: str
    uuid: uuid.UUID

    @classmethod
    def parse(cls, head: bytes) -> Ext4:
        """Read the superblock from the first 2048 bytes of an image; raises ImageError if it is not ext4."""
        if len(head) < HEAD:
            raise ImageError("the file is too short for an ext4 file system")
        block = _SUPERBLOCK.parse(head[1024:HEAD])
        if block.magic != 0xEF53 or block.log_block_size > 6:
            raise ImageError("bad ext4 magic: this is not an ext4 file system")
        blocks = block.blocks_lo
        if block.incompat & _INCOMPAT_64BIT:
            blocks |= block.blocks_hi << 32
        block_size = 1024 << block.log_block_size
        if not 0 < blocks * block_size <= MAX_SIZE:
            raise ImageError(f"the ext4 superblock is broken: it claims {blocks:,} blocks of {block_size}")
        return cls(
            block_size=block_size,
            size=blocks * block_size,
            label=block.label.split(b"\0", 1)[0].decode("utf-8", "replace"),
            uuid=uuid.UUID(bytes=block.uuid),
        )
