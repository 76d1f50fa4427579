# SPDX-License-Identifier: MIT
"""Android sparse images: read them with every check that their format allows, expand and write them.

Format: `sparse_header_t` and `chunk_header_t` of AOSP, system/core/libsparse/sparse_format.h. fastboot makes
such images itself from a raw file that exceeds the board's max-download-size.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO

import construct as c

from .error import ImageError

MAGIC = 0xED26FF3A
STEP = 4 << 20
"""Bytes handed out at a time when an image is expanded, so that a large one never lies in memory as a
whole."""


MAX_SIZE = 64 << 30
"""Bytes, the whole of the DB845c's UFS. A few bytes can claim 2^64, and checksums are made of all of them."""


class Kind(IntEnum):
    """What a chunk says about its blocks."""

    RAW = 0xCAC1
    FILL = 0xCAC2
    DONT_CARE = 0xCAC3
    CRC32 = 0xCAC4


_HEADER = c.Struct(
    "magic" / c.Int32ul,
    "major" / c.Int16ul,
    "minor" / c.Int16ul,
    "header_size" / c.Int16ul,
    "chunk_header_size" / c.Int16ul,
    "block_size" / c.Int32ul,
    "blocks" / c.Int32ul,
    "chunks" / c.Int32ul,
    "crc32" / c.Int32ul,
)
_CHUNK = c.Struct("kind" / c.Int16ul, c.Padding(2), "blocks" / c.Int32ul, "size" / c.Int32ul)


@dataclass(frozen=True)
class Chunk:
    """A run of blocks: where it starts and how long it is in the expanded image (bytes), and what it holds.

    `position` is where a RAW chunk's data starts in the file; `fill` the four bytes that a FILL chunk
    repeats, or the sum of a CRC32 chunk.
    """

    kind: Kind
    offset: int
    length: int
    position: int
    fill: bytes = b""


@dataclass(frozen=True)
class Extent:
    """Bytes for the expanded image: `data` at `offset`, or zeros of `length` where `data` is None."""

    offset: int
    length: int
    data: bytes | None


class SparseImage:
    """A sparse image, checked as a whole before the first byte of it is used.

    `size` is the size of the expanded image in bytes. `file` must stay open and unchanged.
    """

    def __init__(self, file: BinaryIO, limit: int = MAX_SIZE) -> None:
        """Read and check all headers; raises ImageError if it is truncated, contradicts itself, or says that
        it expands to more than `limit` bytes."""
        self._file = file
        self._end = file.seek(0, io.SEEK_END)
        header = self._struct(_HEADER, 0, "the sparse image ends within its header")
        if header.magic != MAGIC:
            raise ImageError("bad sparse magic: this is not a sparse image")
        if header.major != 1:
            raise ImageError(f"sparse image version {header.major} is not supported, only version 1 is")
        if header.header_size < _HEADER.sizeof() or header.chunk_header_size < _CHUNK.sizeof():
            raise ImageError("the sparse image's headers are shorter than their format needs")
        if header.block_size == 0 or header.block_size % 4:
            raise ImageError(f"the sparse image's block size {header.block_size} is not a multiple of 4")
        self.block_size: int = header.block_size
        self.size: int = header.blocks * header.block_size
        if self.size > limit:
            raise ImageError(f"the sparse image expands to {self.size:,} bytes, {limit:,} at most are taken")
        self.chunks: list[Chunk] = list(self._read_chunks(header))
        if any(chunk.kind is Kind.CRC32 for chunk in self.chunks) or header.crc32:
            self._check_sums(header.crc32)

    @staticmethod
    def recognised(start: bytes) -> bool:
        """Whether a file that starts with these (at least 4) bytes claims to be a sparse image."""
        return start[:4] == MAGIC.to_bytes(4, "little")

    def extents(self) -> Iterator[Extent]:
        """What the image says about the expanded bytes, in order and in pieces; DONT_CARE says nothing."""
        for chunk in self.chunks:
            if chunk.kind is Kind.RAW:
                yield from self._raw(chunk)
            elif chunk.kind is Kind.FILL and any(chunk.fill):
                for start in range(0, chunk.length, STEP):
                    length = min(STEP, chunk.length - start)
                    yield Extent(chunk.offset + start, length, chunk.fill * (length // 4))
            elif chunk.kind is Kind.FILL:
                yield Extent(chunk.offset, chunk.length, None)

    def read(self, length: int) -> bytes:
        """The first `length` bytes of the expanded image, DONT_CARE as zeros."""
        out = bytearray(length)
        for extent in self.extents():
            if extent.offset >= length:
                break
            if extent.data is not None:
                piece = extent.data[: length - extent.offset]
                out[extent.offset : extent.offset + len(piece)] = piece
        return bytes(out)

    def expand(self, out: BinaryIO) -> None:
        """Write the expanded image to an empty seekable file; zeros and DONT_CARE become holes."""
        for extent in self.extents():
            if extent.data is not None:
                out.seek(extent.offset)
                out.write(extent.data)
        out.truncate(self.size)

    def _raw(self, chunk: Chunk) -> Iterator[Extent]:
        for start in range(0, chunk.length, STEP):
            length = min(STEP, chunk.length - start)
            self._file.seek(chunk.position + start)
            yield Extent(chunk.offset + start, length, self._file.read(length))

    def _struct(self, struct: c.Struct, position: int, truncated: str) -> c.Container:
        self._file.seek(position)
        try:
            return struct.parse(self._file.read(struct.sizeof()))
        except c.ConstructError:
            raise ImageError(truncated) from None

    def _read_chunks(self, header: c.Container) -> Iterator[Chunk]:
        position = header.header_size
        block = 0
        for number in range(1, header.chunks + 1):
            where = f"sparse image is truncated: chunk {number} of {header.chunks}"
            raw = self._struct(_CHUNK, position, f"{where} is missing")
            try:
                kind = Kind(raw.kind)
            except ValueError:
                raise ImageError(
                    f"chunk {number} of the sparse image is of unknown type {raw.kind:#06x}"
                ) from None
            length = raw.blocks * self.block_size
            payload = {Kind.RAW: length, Kind.FILL: 4, Kind.DONT_CARE: 0, Kind.CRC32: 4}[kind]
            needed = header.chunk_header_size + payload
            if raw.size != needed:
                raise ImageError(
                    f"the sparse image lies: chunk {number} ({kind.name}, {raw.blocks} blocks) "
                    f"says {raw.size} bytes where {needed} are needed"
                )
            data = position + header.chunk_header_size
            if data + payload > self._end:
                raise ImageError(f"{where} ends at byte {data + payload:,} of {self._end:,}")
            if kind is Kind.CRC32:
                length = 0
            else:
                block += raw.blocks
            if block > header.blocks:
                raise ImageError(
                    f"the sparse image lies: chunk {number} reaches block {block}, "
                    f"its header says {header.blocks}"
                )
            fill = b""
            if payload == 4 and kind is not Kind.RAW:
                self._file.seek(data)
                fill = self._file.read(4)
            yield Chunk(kind, block * self.block_size - length, length, data, fill)
            position = data + payload
        if block != header.blocks:
            raise ImageError(
                f"the sparse image lies: its chunks hold {block} blocks, its header says {header.blocks}"
            )
        if position != self._end:
            raise ImageError(f"{self._end - position:,} unknown bytes follow the sparse image")

    def _check_sums(self, expected: int) -> None:
        """Compare each CRC32 chunk, and the header's sum if it has one, with the bytes so far."""
        crc = 0
        for chunk in self.chunks:
            if chunk.kind is Kind.CRC32:
                if int.from_bytes(chunk.fill, "little") != crc:
                    raise ImageError("the sparse image is corrupt: its checksum does not match its data")
            elif chunk.kind is Kind.RAW:
                for extent in self._raw(chunk):
                    crc = zlib.crc32(extent.data or b"", crc)
            else:
                piece = (chunk.fill or bytes(4)) * (STEP // 4)
                for start in range(0, chunk.length, STEP):
                    crc = zlib.crc32(piece[: min(STEP, chunk.length - start)], crc)
        if expected not in (0, crc):
            raise ImageError("the sparse image is corrupt: its checksum does not match its data")


def build(chunks: Iterable[tuple[Kind, int, bytes]], block_size: int = 4096) -> bytes:
    """Make a sparse image of (kind, blocks, payload): a RAW chunk's data, four bytes for FILL and CRC32, else
    nothing."""
    chunks = list(chunks)
    body = b"".join(
        _CHUNK.build({"kind": kind, "blocks": blocks, "size": _CHUNK.sizeof() + len(payload)}) + payload
        for kind, blocks, payload in chunks
    )
    header = _HEADER.build(
        {
            "magic": MAGIC,
            "major": 1,
            "minor": 0,
            "header_size": _HEADER.sizeof(),
            "chunk_header_size": _CHUNK.sizeof(),
            "block_size": block_size,
            "blocks": sum(blocks for kind, blocks, _ in chunks if kind is not Kind.CRC32),
            "chunks": len(chunks),
            "crc32": 0,
        }
    )
    return header + body
