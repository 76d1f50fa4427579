# SPDX-License-Identifier: MIT
"""Image files of lab.images: a hostile one is refused with ImageError, and nothing else happens."""

from __future__ import annotations

import functools
import io
import json
import os
import struct
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path

from lab.images import ImageError, gpt
from lab.images.androidboot import PAGE_SIZE, BootImage
from lab.images.ext4 import HEAD, Ext4
from lab.images.manifest import NAME, Manifest
from lab.images.sparse import Kind, SparseImage, build
from tests.fuzz.target import Target
from tests.lab.samples import boot_image, ext4_head

# -- boot image ------------------------------------------------------------------------------------------


def _boot_images() -> list[bytes]:
    return [boot_image().pack(), boot_image(cmdline="a" * 600, ramdisk=b"r" * 100).pack()]


def _check_boot(data: bytes) -> None:
    with suppress(ImageError):
        boot = BootImage.parse(data)
        assert BootImage.parse(boot.pack()) == boot, "a parsed image packs into another one"
        with suppress(ImageError):
            boot.image()
        assert all(isinstance(name, str) for name in boot.compatible)


BOOT = Target("boot-image", _boot_images, _check_boot, hot=((0, 64), (PAGE_SIZE, PAGE_SIZE + 700)))

# -- sparse image ----------------------------------------------------------------------------------------

_SPARSE_LIMIT = 1 << 22
"""Bytes that an expanded image may have here, in place of a whole board's disk."""


def _sparse_images() -> list[bytes]:
    data = bytes(range(64)) * 2
    chunks = [
        (Kind.RAW, 2, data),
        (Kind.FILL, 3, b"abcd"),
        (Kind.DONT_CARE, 4, b""),
        (Kind.FILL, 1, bytes(4)),
        (Kind.RAW, 1, data[64:]),
    ]
    plain = data + b"abcd" * 48 + bytes(320) + data[64:]
    sums = [(Kind.CRC32, 0, zlib.crc32(plain).to_bytes(4, "little"))]
    return [build(chunks, 64), build(chunks + sums, 64), build(chunks[:1], 64)]


def _check_sparse(data: bytes) -> None:
    with suppress(ImageError):
        image = SparseImage(io.BytesIO(data), _SPARSE_LIMIT)
        assert image.size <= _SPARSE_LIMIT, "an image larger than the limit passed"
        end = 0
        for extent in image.extents():
            assert end <= extent.offset and extent.length >= 0, "extents overlap"
            end = extent.offset + extent.length
            assert extent.data is None or len(extent.data) == extent.length, "an extent has another length"
        assert end <= image.size, "an extent lies behind the end"
        out = io.BytesIO()
        image.expand(out)
        plain = out.getvalue().ljust(image.size, b"\0")  # BytesIO.truncate() does not extend
        assert plain == image.read(image.size), "two ways to expand it differ"


SPARSE = Target("sparse-image", _sparse_images, _check_sparse, hot=((0, 40), (156, 240)))

# -- partition table -------------------------------------------------------------------------------------

_DISK = 32 * gpt.SECTOR


def _disks() -> list[bytes]:
    partitions = [
        gpt.Partition("boot_a", 8 * gpt.SECTOR, 4 * gpt.SECTOR, gpt.ANDROID_BOOT),
        gpt.Partition("rootfs", 12 * gpt.SECTOR, 8 * gpt.SECTOR),
    ]
    disk = io.BytesIO(bytes(_DISK))
    gpt.write(disk, _DISK, partitions)
    return [disk.getvalue(), disk.getvalue()[:-1].ljust(_DISK, b"!")]  # the second has no backup


def _mend_disk(data: bytearray) -> None:
    """New checksums for both tables."""
    for lba in (1, len(data) // gpt.SECTOR - 1):
        at = lba * gpt.SECTOR
        if lba < 1 or len(data) < at + 92:
            continue
        entries, count = (
            struct.unpack_from("<Q", data, at + 72)[0],
            struct.unpack_from("<I", data, at + 80)[0],
        )
        start = min(entries * gpt.SECTOR, len(data))
        raw = data[start : start + min(count, 128) * 128]
        struct.pack_into("<I", data, at + 88, zlib.crc32(raw))
        struct.pack_into("<I", data, at + 16, 0)
        head = data[at : at + 92]
        head[20:24] = bytes(4)  # reserved; it is taken as zeros
        struct.pack_into("<I", data, at + 16, zlib.crc32(head))


def _check_disk(data: bytes) -> None:
    with suppress(ImageError):
        partitions = gpt.read(io.BytesIO(data))
        end = 0
        for part in sorted(partitions, key=lambda part: part.offset):
            assert end <= part.offset and part.size > 0, f"partitions overlap: {partitions}"
            end = part.offset + part.size
        assert end <= len(data), "a partition lies behind the end of the disk"
        names = [part.name for part in partitions]
        assert len(names) == len(set(names)), "two partitions have one name"


_S = gpt.SECTOR
GPT = Target(
    "gpt",
    _disks,
    _check_disk,
    hot=((_S, _S + 92), (2 * _S, 2 * _S + 256), (_DISK - _S, _DISK - _S + 92), (2 * _S + 32, 2 * _S + 64)),
    mend=_mend_disk,
)

# -- ext4 ------------------------------------------------------------------------------------------------


def _check_ext4(data: bytes) -> None:
    with suppress(ImageError):
        system = Ext4.parse(data)
        assert system.block_size in (1024 << power for power in range(7))
        assert 0 < system.size <= 1 << 64, f"a size of {system.size}"
        assert system.size % system.block_size == 0
        system.label.encode()


EXT4 = Target(
    "ext4",
    lambda: [ext4_head(1 << 30)[:HEAD], ext4_head(1 << 20, 1024)[:HEAD]],
    _check_ext4,
    hot=((1024, 1024 + 0x80), (1024 + 0x150, 1024 + 0x154)),
)

# -- manifest --------------------------------------------------------------------------------------------


def _manifests() -> list[bytes]:
    artifact = {"file": "boot.img", "size": 4, "sha256": "9f" * 32}
    whole = {
        "machine": "virtual-db845c",
        "compatible": "thundercomm,db845c",
        "kernel": "6.12.1",
        "artifacts": {"boot": artifact, "rootfs": {**artifact, "file": "sub/rootfs.ext4"}},
        "pipewire": {"version": "1.4.2", "source": "debian", "patched": True},
        "parts": {"dsp": {"sha256": "00"}},
    }
    return [json.dumps(whole, indent=1).encode(), json.dumps(whole, separators=(",", ":")).encode()]


@functools.cache
def folder() -> Path:
    """A folder for files, in memory where the host has such a place; the system removes it at the end."""
    memory = Path("/dev/shm")
    made = tempfile.TemporaryDirectory(
        prefix="offload-fuzz-", dir=memory if os.access(memory, os.W_OK) else None, ignore_cleanup_errors=True
    )
    folder.made = made  # type: ignore[attr-defined]  # it lives as long as the process
    return Path(made.name)


def _check_manifest(data: bytes) -> None:
    root = folder() / "deploy"
    root.mkdir(exist_ok=True)
    (root / "boot.img").write_bytes(b"boot")
    with suppress(OSError):
        (root / "out").symlink_to("/etc")
    (root / NAME).write_bytes(data)
    with suppress(ImageError):
        manifest = Manifest.read(root)
        assert manifest.artifacts, "a manifest of nothing passed"
        for artifact in manifest.artifacts:
            assert artifact.path.is_relative_to(root.resolve()), f"{artifact.path} is outside"
            with suppress(ImageError):
                artifact.verify()
            with suppress(UnicodeEncodeError):  # such a name can be in JSON, and in no file system
                assert artifact.path.resolve().is_relative_to(root.resolve())


MANIFEST = Target(
    "manifest",
    _manifests,
    _check_manifest,
    tokens=(
        b"../", b"/etc/passwd", b"out/passwd", b"..", b".", b'""', b"\\u0000", b"\\ud800", b"null", b"true",
        b"1e999", b"[" * 3000, b'{"a":' * 3000, b"-1", b"9" * 5000, b"[]", b"{}", b"\xff", b"\xef\xbb\xbf",
        b'"', b"NaN", b"a" * 300, b"/" * 5000,
    ),
)  # fmt: skip
