# SPDX-License-Identifier: MIT
"""Android boot image, header version 0, with the DTB appended to the gzipped kernel.

This is what meta-qcom's linux-qcom-bootimg.bbclass makes with mkbootimg for the Dragonboard 845c. The header
is `struct boot_img_hdr_v0` of AOSP, system/tools/mkbootimg/include/bootimg/bootimg.h.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path

import construct as c
import fdt

from .error import ImageError

MAGIC = b"ANDROID!"
PAGE_SIZE = 4096
"""Bytes; the DB845c's bootloader reads UFS, whose sectors are this large, and takes no other page size."""
BASE = 0x80000000
"""Physical start of the DB845c's memory; mkbootimg's offsets below count from here."""
KERNEL_OFFSET = 0x00008000
RAMDISK_OFFSET = 0x01000000
SECOND_OFFSET = 0x00F00000
TAGS_OFFSET = 0x00000100
MAX_KERNEL = 256 << 20
"""Bytes; a decompressed kernel beyond this is a broken or hostile file, not a kernel."""

_CMDLINE = 512
_EXTRA_CMDLINE = 1024
_GZIP = 31  # zlib's window bits for "gzip header, 32 KiB window"
_FDT_MAGIC = b"\xd0\x0d\xfe\xed"
_ARM64_MAGIC = b"ARM\x64"  # Documentation/arch/arm64/booting.rst, at byte 56 of an uncompressed Image

_HEADER = c.Struct(
    "magic" / c.Const(MAGIC),
    "kernel_size" / c.Int32ul,
    "kernel_addr" / c.Int32ul,
    "ramdisk_size" / c.Int32ul,
    "ramdisk_addr" / c.Int32ul,
    "second_size" / c.Int32ul,
    "second_addr" / c.Int32ul,
    "tags_addr" / c.Int32ul,
    "page_size" / c.Int32ul,
    "header_version" / c.Int32ul,
    "os_version" / c.Int32ul,
    "name" / c.Bytes(16),
    "cmdline" / c.Bytes(_CMDLINE),
    "id" / c.Bytes(32),
    "extra_cmdline" / c.Bytes(_EXTRA_CMDLINE),
)


@dataclass(frozen=True)
class BootImage:
    """The parts of a boot image.

    `kernel` is the gzipped arm64 Image without the DTB, `dtb` one flattened device tree, `ramdisk` a cpio
    archive or nothing. `cmdline` has at most 1,535 ASCII characters, `name` at most 15.
    """

    kernel: bytes
    dtb: bytes
    ramdisk: bytes = b""
    cmdline: str = ""
    name: str = ""

    def pack(self) -> bytes:
        """Lay the parts out as mkbootimg does; raises ImageError for a part that does not fit its field."""
        cmdline = _ascii("command line", self.cmdline, _CMDLINE + _EXTRA_CMDLINE - 1)
        name = _ascii("name", self.name, 15)
        _split_kernel(self.kernel + self.dtb)  # never write what parse() would refuse
        kernel = self.kernel + self.dtb
        digest = hashlib.sha1(usedforsecurity=False)
        for part in (kernel, self.ramdisk, b""):
            digest.update(part + len(part).to_bytes(4, "little"))
        header = _HEADER.build(
            {
                "kernel_size": len(kernel),
                "kernel_addr": BASE + KERNEL_OFFSET,
                "ramdisk_size": len(self.ramdisk),
                "ramdisk_addr": BASE + RAMDISK_OFFSET,
                "second_size": 0,
                "second_addr": BASE + SECOND_OFFSET,
                "tags_addr": BASE + TAGS_OFFSET,
                "page_size": PAGE_SIZE,
                "header_version": 0,
                "os_version": 0,
                "name": name.ljust(16, b"\0"),
                "cmdline": cmdline[:_CMDLINE].ljust(_CMDLINE, b"\0"),
                "id": digest.digest().ljust(32, b"\0"),
                "extra_cmdline": cmdline[_CMDLINE:].ljust(_EXTRA_CMDLINE, b"\0"),
            }
        )
        return b"".join(part + bytes(-len(part) % PAGE_SIZE) for part in (header, kernel, self.ramdisk))

    @classmethod
    def parse(cls, source: bytes | Path) -> BootImage:
        """Take a boot image apart; bytes after its last part (a partition is larger) are ignored.

        Raises ImageError when it is no such image, is truncated, or holds no gzipped kernel with a DTB behind
        it.
        """
        data = source if isinstance(source, bytes) else _read(source)
        if data[: len(MAGIC)] != MAGIC:
            raise ImageError("bad boot magic: this is not an Android boot image")
        try:
            header = _HEADER.parse(data)
        except c.ConstructError:
            raise ImageError("the boot image ends within its header") from None
        if header.header_version != 0:
            raise ImageError(
                f"boot image header version {header.header_version} is not supported, only version 0 is"
            )
        if header.page_size != PAGE_SIZE:
            raise ImageError(f"boot image has page size {header.page_size}, the board needs {PAGE_SIZE}")
        parts = []
        offset = PAGE_SIZE
        for what, size in (("kernel", header.kernel_size), ("ramdisk", header.ramdisk_size)):
            if size and offset + size > len(data):
                raise ImageError(
                    f"boot image is truncated: its {what} ends at byte {offset + size:,} of {len(data):,}"
                )
            parts.append(data[offset : offset + size])
            offset += size + -size % PAGE_SIZE
        kernel, dtb = _split_kernel(parts[0])
        return cls(
            kernel=kernel,
            dtb=dtb,
            ramdisk=parts[1],
            cmdline=_text("command line", header.cmdline + header.extra_cmdline),
            name=_text("name", header.name),
        )

    def image(self) -> bytes:
        """The kernel decompressed, as the arm64 boot protocol wants it; raises ImageError if it is none."""
        image, _ = _gunzip(self.kernel)
        if image[56:60] != _ARM64_MAGIC:
            raise ImageError("the kernel in the boot image is not an arm64 Image")
        return image

    @property
    def compatible(self) -> tuple[str, ...]:
        """The boards that the DTB is for, most specific first; raises ImageError if it is broken."""
        try:
            prop = fdt.parse_dtb(self.dtb).get_property("compatible")
            names = tuple(str(name) for name in prop.data) if prop is not None else ()
        except Exception as error:  # the library raises whatever its parser trips over
            raise ImageError(f"the device tree in the boot image is broken: {error}") from error
        if not names:
            raise ImageError("the device tree in the boot image does not say which board it is for")
        return names


def _split_kernel(data: bytes) -> tuple[bytes, bytes]:
    """Cut Image.gz and the DTB behind it apart: what the gzip stream leaves over is the DTB."""
    if data[:2] != b"\x1f\x8b":
        raise ImageError("the kernel in the boot image is not gzipped")
    _, dtb = _gunzip(data)
    if not dtb:
        raise ImageError("no device tree is appended to the kernel in the boot image")
    if dtb[:4] != _FDT_MAGIC:
        raise ImageError("what is appended to the kernel in the boot image is not a device tree")
    size = int.from_bytes(dtb[4:8], "big")
    if size > len(dtb):
        raise ImageError(f"the device tree in the boot image is truncated: {len(dtb):,} of {size:,} bytes")
    if size < len(dtb):
        raise ImageError(f"{len(dtb) - size:,} unknown bytes follow the device tree in the boot image")
    return data[: -len(dtb)], dtb


def _gunzip(data: bytes) -> tuple[bytes, bytes]:
    """Decompress the gzip stream at the start of `data`; returns what it holds and what follows it."""
    stream = zlib.decompressobj(_GZIP)
    try:
        plain = stream.decompress(data, MAX_KERNEL)
    except zlib.error as error:
        raise ImageError(f"the gzipped kernel in the boot image is corrupt: {error}") from error
    if stream.unconsumed_tail:
        raise ImageError(f"the kernel in the boot image is larger than {MAX_KERNEL:,} bytes")
    if not stream.eof:
        raise ImageError("the gzipped kernel in the boot image is truncated")
    return plain, stream.unused_data


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot read {path}: {error.strerror}") from error


def _ascii(what: str, text: str, limit: int) -> bytes:
    if not text.isascii() or "\0" in text:
        raise ImageError(f"the boot image's {what} must be plain ASCII")
    if len(text) > limit:
        raise ImageError(f"the boot image's {what} has {len(text)} characters, {limit} at most fit")
    return text.encode("ascii")


def _text(what: str, field: bytes) -> str:
    raw = field.split(b"\0", 1)[0]
    if not raw.isascii():
        raise ImageError(f"the boot image's {what} is not plain ASCII")
    return raw.decode("ascii")
