# SPDX-License-Identifier: MIT
import gzip
import struct
from pathlib import Path

import pytest
from samples import HARDWARE, VIRTUAL, boot_image, dtb, kernel

from lab.images import ImageError
from lab.images.androidboot import PAGE_SIZE, BootImage


def test_a_packed_image_is_parsed_back_into_its_parts() -> None:
    image = boot_image(cmdline="root=PARTLABEL=rootfs rw")
    assert BootImage.parse(image.pack()) == image


def test_the_layout_is_that_of_header_version_0() -> None:
    image = boot_image(cmdline="console=ttyMSM0", ramdisk=b"r" * 5000)
    raw = image.pack()
    magic, kernel_size, kernel_addr, ramdisk_size, ramdisk_addr = struct.unpack_from("<8sIIII", raw)
    assert (magic, kernel_addr, ramdisk_addr) == (b"ANDROID!", 0x80008000, 0x81000000)
    assert (kernel_size, ramdisk_size) == (len(image.kernel) + len(image.dtb), 5000)
    assert struct.unpack_from("<II", raw, 36) == (4096, 0)
    assert raw[48:54] == b"sample"
    assert raw[64:80] == b"console=ttyMSM0\0"
    assert raw[4096 : 4096 + kernel_size] == image.kernel + image.dtb
    assert raw[8192:13192] == b"r" * 5000
    assert len(raw) == 4096 + 4096 + 8192


def test_the_kernel_is_unpacked_and_the_board_named() -> None:
    image = boot_image(compatible=HARDWARE)
    assert image.image() == kernel()
    assert image.compatible == HARDWARE


def test_bytes_after_the_image_do_not_matter() -> None:
    image = boot_image()
    assert BootImage.parse(image.pack() + bytes(100_000)) == image


def test_a_long_command_line_goes_on_in_the_second_field() -> None:
    cmdline = " ".join(f"option{n}=1" for n in range(120))
    assert 512 < len(cmdline) < 1535
    assert BootImage.parse(boot_image(cmdline=cmdline).pack()).cmdline == cmdline


def _patched(position: int, data: bytes) -> bytes:
    raw = bytearray(boot_image().pack())
    raw[position : position + len(data)] = data
    return bytes(raw)


def _around(kernel_part: bytes) -> bytes:
    """A boot image around any kernel part, which pack() would refuse to make."""
    header = bytearray(boot_image().pack()[:PAGE_SIZE])
    struct.pack_into("<I", header, 8, len(kernel_part))
    struct.pack_into("<I", header, 16, 0)
    return bytes(header) + kernel_part


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "bad boot magic"),
        (b"not a boot image" * 500, "bad boot magic"),
        (boot_image().pack()[:700], "ends within its header"),
        (_patched(36, struct.pack("<I", 2048)), "page size 2048, the board needs 4096"),
        (_patched(40, struct.pack("<I", 2)), "header version 2 is not supported"),
        (_patched(64, b"\xff"), "command line is not plain ASCII"),
        (boot_image(ramdisk=b"r" * 9000).pack()[:-8192], "truncated: its ramdisk ends at byte 17,192 of"),
        (_patched(8, struct.pack("<I", 1 << 30)), "truncated: its kernel ends"),
        (_around(kernel() + dtb()), "kernel in the boot image is not gzipped"),
        (_around(gzip.compress(kernel())[:-9]), "gzipped kernel in the boot image is truncated"),
        (_around(gzip.compress(kernel())), "no device tree is appended"),
        (_around(gzip.compress(kernel()) + b"junk"), "is not a device tree"),
        (_around(gzip.compress(kernel()) + dtb()[:-1]), "device tree in the boot image is truncated"),
        (_around(gzip.compress(kernel()) + dtb() + b"junk"), "4 unknown bytes follow the device tree"),
    ],
)
def test_a_bad_image_is_refused_with_the_reason(raw: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        BootImage.parse(raw)


def test_a_corrupt_kernel_is_refused() -> None:
    packed = bytearray(gzip.compress(kernel()))
    packed[-8] ^= 1  # the checksum
    with pytest.raises(ImageError, match="gzipped kernel in the boot image is corrupt"):
        BootImage.parse(_around(bytes(packed) + dtb()))


def test_what_is_no_arm64_kernel_is_refused() -> None:
    image = BootImage(gzip.compress(bytes(4096)), dtb())
    with pytest.raises(ImageError, match="not an arm64 Image"):
        image.image()


@pytest.mark.parametrize("tree", [b"\xd0\x0d\xfe\xed" + struct.pack(">I", 8), dtb(())])
def test_a_tree_without_a_board_is_refused(tree: bytes) -> None:
    with pytest.raises(ImageError, match="the device tree in the boot image"):
        _ = BootImage(gzip.compress(kernel()), tree).compatible


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (BootImage(gzip.compress(kernel()), dtb(), cmdline="x" * 1536), "1535 at most fit"),
        (BootImage(gzip.compress(kernel()), dtb(), cmdline="ä"), "must be plain ASCII"),
        (BootImage(gzip.compress(kernel()), dtb(), name="n" * 16), "15 at most fit"),
        (BootImage(kernel(), dtb()), "is not gzipped"),
        (BootImage(gzip.compress(kernel()), b""), "no device tree"),
    ],
)
def test_what_could_not_be_read_back_is_not_packed(image: BootImage, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        image.pack()


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"cannot read .*: No such file"):
        BootImage.parse(tmp_path / "none.img")


def test_the_virtual_board_is_named_besides_the_real_one() -> None:
    assert set(HARDWARE) < set(VIRTUAL)
