# SPDX-License-Identifier: MIT
import io
import struct
import zlib
from pathlib import Path

import pytest

from lab.images import ImageError, gpt

MIB = 1 << 20


def _disk(tmp_path: Path) -> tuple[Path, list[gpt.Partition], int]:
    parts, size = gpt.lay_out([("boot_a", 64 * MIB, gpt.ANDROID_BOOT), ("rootfs", 4096 * 3, gpt.LINUX_DATA)])
    path = tmp_path / "disk.img"
    with path.open("w+b") as disk:
        disk.truncate(size)
        gpt.write(disk, size, parts)
    return path, parts, size


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path, parts, size = _disk(tmp_path)
    with path.open("rb") as disk:
        assert gpt.read(disk) == parts
    assert path.stat().st_size == size
    assert [(p.name, p.size, p.offset % MIB) for p in parts] == [
        ("boot_a", 64 * MIB, 0),
        ("rootfs", 12288, 0),
    ]


def test_both_copies_are_as_the_specification_wants_them(tmp_path: Path) -> None:
    """Checked without the code under test: offsets and sums of UEFI 2.10, table 5-5."""
    path, parts, size = _disk(tmp_path)
    raw = path.read_bytes()
    last = size // 4096 - 1
    assert raw[510:512] == b"\x55\xaa"
    assert raw[450] == 0xEE
    assert struct.unpack_from("<II", raw, 454) == (1, last)
    for lba, other, table in ((1, last, 2), (last, 1, last - 4)):
        header = bytearray(raw[lba * 4096 : lba * 4096 + 92])
        fields = struct.unpack("<8sIIIIQQQQ16sQIII", header)
        assert fields[:3] == (b"EFI PART", 0x10000, 92)
        header[16:20] = bytes(4)
        assert fields[3] == zlib.crc32(header)
        assert (fields[5], fields[6], fields[10]) == (lba, other, table)
        assert (fields[7], fields[8], fields[11:13]) == (6, last - 5, (128, 128))
        entries = raw[table * 4096 : table * 4096 + 128 * 128]
        assert fields[13] == zlib.crc32(entries)
        first, end = struct.unpack_from("<QQ", entries, 32)
        assert (first * 4096, (end + 1) * 4096) == (parts[0].offset, parts[0].offset + 64 * MIB)
        assert entries[56:68].decode("utf-16-le") == "boot_a"


def test_the_backup_serves_when_the_first_is_damaged(tmp_path: Path) -> None:
    path, parts, _ = _disk(tmp_path)
    with path.open("r+b") as disk:
        disk.write(bytes(6 * 4096))
        assert gpt.read(disk) == parts


@pytest.mark.parametrize("position", [4096 + 40, 2 * 4096 + 60])
def test_a_damaged_copy_is_noticed(tmp_path: Path, position: int) -> None:
    path, _, size = _disk(tmp_path)
    with path.open("r+b") as disk:
        disk.seek(position)
        disk.write(b"\xff")
        disk.seek(size - 4096)
        disk.write(bytes(4096))
        with pytest.raises(ImageError, match=r"no partition table: .*(checksum).*; backup: no GPT header"):
            gpt.read(disk)


def test_an_empty_file_has_no_table() -> None:
    with pytest.raises(ImageError, match="no partition table"):
        gpt.read(io.BytesIO())


@pytest.mark.parametrize(
    "parts",
    [
        [gpt.Partition("a", MIB, MIB), gpt.Partition("b", MIB + 4096, MIB)],
        [gpt.Partition("a", 0, MIB)],
        [gpt.Partition("a", MIB, 4 * MIB)],
    ],
)
def test_partitions_must_fit(parts: list[gpt.Partition]) -> None:
    with pytest.raises(ImageError, match="overlaps another or does not fit"):
        gpt.write(io.BytesIO(), 4 * MIB, parts)


def test_partitions_are_made_of_sectors() -> None:
    with pytest.raises(ImageError, match="not made of 4096-byte sectors"):
        gpt.lay_out([("a", 1000, gpt.LINUX_DATA)])
