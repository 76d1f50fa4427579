# SPDX-License-Identifier: MIT
"""Small images for the tests, made at test time."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Sequence
from pathlib import Path

import fdt

from lab.images.androidboot import BootImage

VIRTUAL = ("thundercomm,db845c", "qcom,sdm845", "linux,dummy-virt")
HARDWARE = ("thundercomm,db845c", "qcom,sdm845")

# A kernel of 24 instructions, so that a machine can be tested without Linux. It prints "up!", echoes what is
# typed, powers off on "q" and resets on "r". Serial port: PL011 at 0x0900_0000 of QEMU's virt machine; power:
# PSCI by HVC.
_CODE = (
    0xD2A12001,  # mov   x1, #0x09000000
    0x52806020,  # mov   w0, #0x301            enable, transmit, receive
    0xB9003020,  # str   w0, [x1, #0x30]       UARTCR
    0x52800EA0,  # mov   w0, #'u'
    0xB9000020,  # str   w0, [x1]              UARTDR
    0x52800E00,  # mov   w0, #'p'
    0xB9000020,  # str   w0, [x1]
    0x52800420,  # mov   w0, #'!'
    0xB9000020,  # str   w0, [x1]
    0xB9401822,  # ldr   w2, [x1, #0x18]       UARTFR
    0x3727FFE2,  # tbnz  w2, #4, .-4           nothing received yet
    0xB9400020,  # ldr   w0, [x1]
    0xB9000020,  # str   w0, [x1]
    0x7101C41F,  # cmp   w0, #'q'
    0x540000C0,  # b.eq  .+24
    0x7101C81F,  # cmp   w0, #'r'
    0x54FFFF21,  # b.ne  .-28
    0x52800120,  # mov   w0, #9
    0x72B08000,  # movk  w0, #0x8400, lsl 16   PSCI SYSTEM_RESET
    0xD4000002,  # hvc   #0
    0x52800100,  # mov   w0, #8
    0x72B08000,  # movk  w0, #0x8400, lsl 16   PSCI SYSTEM_OFF
    0xD4000002,  # hvc   #0
    0x14000000,  # b     .
)


def kernel() -> bytes:
    """An arm64 Image (Documentation/arch/arm64/booting.rst) of the code above, not compressed."""
    code = struct.pack(f"<{len(_CODE)}I", *_CODE)
    return struct.pack("<IIQQQQQQ4sI", 0x14000010, 0, 0, 65536, 0, 0, 0, 0, b"ARM\x64", 0) + code


def dtb(compatible: Sequence[str] = VIRTUAL) -> bytes:
    """A device tree that says nothing but the board's name."""
    tree = fdt.FDT()
    if compatible:
        tree.set_property("compatible", list(compatible))
    tree.set_property("#address-cells", 2)
    tree.set_property("#size-cells", 2)
    return bytes(tree.to_dtb(version=17))


def boot_image(
    cmdline: str = "quiet", compatible: Sequence[str] = VIRTUAL, ramdisk: bytes = b"ramdisk"
) -> BootImage:
    """A boot image that boots on the virtual board."""
    return BootImage(gzip.compress(kernel(), mtime=0), dtb(compatible), ramdisk, cmdline, "sample")


def ext4_head(size: int, block_size: int = 4096, label: str = "rootfs") -> bytes:
    """The first 4096 bytes of an ext4 file system of `size` bytes."""
    block = bytearray(1024)
    blocks = size // block_size
    struct.pack_into("<I", block, 0x04, blocks & 0xFFFFFFFF)
    struct.pack_into("<I", block, 0x18, {1024: 0, 2048: 1, 4096: 2}[block_size])
    struct.pack_into("<H", block, 0x38, 0xEF53)
    struct.pack_into("<I", block, 0x60, 0x80)
    block[0x68:0x78] = bytes(range(16))
    block[0x78 : 0x78 + len(label)] = label.encode()
    struct.pack_into("<I", block, 0x150, blocks >> 32)
    return bytes(1024) + bytes(block) + bytes(2048)


def write(path: Path, data: bytes) -> Path:
    """Write a file and give its path back."""
    path.write_bytes(data)
    return path
