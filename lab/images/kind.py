# SPDX-License-Identifier: MIT
"""What an image file is, by its first bytes: for files that come alone, without a folder that says so."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from .androidboot import MAGIC
from .error import ImageError
from .ext4 import HEAD, Ext4
from .sparse import SparseImage


def partition_of(path: Path) -> str:
    """The partition that a file belongs to, "boot" or "rootfs"; a .gz is looked into.

    Raises ImageError where it is neither a boot image nor an ext4 file system, raw or sparse.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            head = cast(BinaryIO, file).read(HEAD)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ImageError(f"{path} is corrupt: {error}") from error
    except OSError as error:
        raise ImageError(f"cannot read {path}: {error.strerror}") from error
    if head.startswith(MAGIC):
        return "boot"
    if SparseImage.recognised(head):
        return "rootfs"
    try:
        Ext4.parse(head)
    except ImageError:
        raise ImageError(f"{path} is neither an Android boot image nor an ext4 file system") from None
    return "rootfs"
