# SPDX-License-Identifier: MIT
import io
import struct
import zlib
from pathlib import Path

import pytest

from lab.images import ImageError
from lab.images.sparse import STEP, Kind, SparseImage, build

BLOCK = 4096
DATA = bytes(range(256)) * (2 * BLOCK // 256)
CHUNKS = [
    (Kind.RAW, 2, DATA),
    (Kind.FILL, 3, b"abcd"),
    (Kind.DONT_CARE, 4, b""),
    (Kind.FILL, 1, bytes(4)),
    (Kind.RAW, 2, DATA[::-1]),
]
PLAIN = DATA + b"abcd" * (3 * BLOCK // 4) + bytes(5 * BLOCK) + DATA[::-1]


def test_an_image_expands_to_its_bytes(tmp_path: Path) -> None:
    image = SparseImage(io.BytesIO(build(CHUNKS)))
    assert (image.size, image.block_size) == (len(PLAIN), BLOCK)
    with (tmp_path / "out").open("w+b") as out:
        image.expand(out)
        out.seek(0)
        assert out.read() == PLAIN


def test_the_start_can_be_read_alone() -> None:
    image = SparseImage(io.BytesIO(build(CHUNKS)))
    assert image.read(10 * BLOCK + 5) == PLAIN[: 10 * BLOCK + 5]


def test_zeros_stay_holes(tmp_path: Path) -> None:
    chunks = [(Kind.FILL, 65536, bytes(4)), (Kind.DONT_CARE, 65536, b""), (Kind.RAW, 2, DATA)]
    path = tmp_path / "out"
    with path.open("w+b") as out:
        SparseImage(io.BytesIO(build(chunks))).expand(out)
    assert path.stat().st_size == (131072 + 2) * BLOCK
    assert path.stat().st_blocks * 512 < 1 << 20


def test_large_chunks_come_in_pieces() -> None:
    blocks = STEP // BLOCK + 1
    extents = list(SparseImage(io.BytesIO(build([(Kind.RAW, blocks, bytes(blocks * BLOCK))]))).extents())
    assert [(extent.offset, extent.length) for extent in extents] == [(0, STEP), (STEP, BLOCK)]


def test_dont_care_says_nothing() -> None:
    image = SparseImage(io.BytesIO(build([(Kind.DONT_CARE, 7, b""), (Kind.RAW, 2, DATA)])))
    assert [(e.offset, e.data) for e in image.extents()] == [(7 * BLOCK, DATA)]


def _sum(data: bytes) -> bytes:
    return struct.pack("<I", zlib.crc32(data))


def test_right_checksums_are_taken() -> None:
    chunks = [
        *CHUNKS[:3],
        (Kind.CRC32, 0, _sum(PLAIN[: 9 * BLOCK])),
        *CHUNKS[3:],
        (Kind.CRC32, 0, _sum(PLAIN)),
    ]
    raw = bytearray(build(chunks))
    raw[24:28] = _sum(PLAIN)
    assert SparseImage(io.BytesIO(bytes(raw))).size == len(PLAIN)


GOOD = build(CHUNKS)
SECOND_CHUNK = 28 + 12 + len(DATA)


def _patched(position: int, layout: str, value: int) -> bytes:
    raw = bytearray(GOOD)
    struct.pack_into(layout, raw, position, value)
    return bytes(raw)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "ends within its header"),
        (GOOD[:20], "ends within its header"),
        (b"raw data" * 100, "bad sparse magic"),
        (_patched(4, "<H", 2), "version 2 is not supported"),
        (_patched(8, "<H", 20), "headers are shorter"),
        (_patched(10, "<H", 8), "headers are shorter"),
        (_patched(12, "<I", 0), "block size 0"),
        (_patched(12, "<I", 4097), "block size 4097"),
        (_patched(16, "<I", 11), "reaches block 12, its header says 11"),
        (_patched(16, "<I", 13), "chunks hold 12 blocks, its header says 13"),
        (_patched(20, "<I", 6), "truncated: chunk 6 of 6 is missing"),
        (_patched(20, "<I", 4), "chunks hold 10 blocks"),
        (_patched(28, "<H", 0xBEEF), "unknown type 0xbeef"),
        (_patched(32, "<I", 1), "lies: chunk 1 .RAW, 1 blocks. says 8204 bytes where 4108 are needed"),
        (_patched(36, "<I", 12), "lies: chunk 1"),
        (_patched(SECOND_CHUNK + 8, "<I", 12), "lies: chunk 2 .FILL"),
        (_patched(SECOND_CHUNK + 4, "<I", 1 << 31), "lies: chunk 2 reaches block"),
        (GOOD[:-1], "truncated: chunk 5 of 5 ends at byte"),
        (GOOD[: SECOND_CHUNK + 5], "truncated: chunk 2 of 5 is missing"),
        (GOOD + b"more", "4 unknown bytes follow"),
        (build([*CHUNKS, (Kind.CRC32, 0, _sum(b"other"))]), "checksum does not match"),
        (_patched(24, "<I", 1), "checksum does not match"),
    ],
)
def test_a_bad_image_is_refused_with_the_reason(raw: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        SparseImage(io.BytesIO(raw))
