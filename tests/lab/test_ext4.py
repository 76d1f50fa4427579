# SPDX-License-Identifier: MIT
import subprocess
import uuid
from pathlib import Path

import pytest
from samples import ext4_head

from lab.images import ImageError
from lab.images.ext4 import Ext4


@pytest.mark.parametrize("block_size", [1024, 4096])
def test_a_file_system_of_mke2fs_is_read(tmp_path: Path, block_size: int) -> None:
    name = uuid.uuid4()
    path = tmp_path / "fs"
    command = [
        "mke2fs",
        "-q",
        "-t",
        "ext4",
        "-b",
        str(block_size),
        "-L",
        "board",
        "-U",
        str(name),
        str(path),
        "8M",
    ]
    subprocess.run(command, check=True)
    assert Ext4.parse(path.read_bytes()) == Ext4(block_size, 8 << 20, "board", name)


def test_a_size_beyond_32_bits_of_blocks() -> None:
    assert Ext4.parse(ext4_head(1 << 45)).size == 1 << 45


@pytest.mark.parametrize(("head", "message"), [(bytes(100), "too short"), (bytes(4096), "bad ext4 magic")])
def test_what_is_no_file_system_is_refused(head: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        Ext4.parse(head)
