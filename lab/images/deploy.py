# SPDX-License-Identifier: MIT
"""A deploy folder: which of its files goes to which partition, is it sound, and does it fit.

Two kinds are known: a folder with a manifest.json, and a Yocto deploy folder, where names tell (boot-*.img of
linux-qcom-bootimg, *.rootfs.ext4 or *.rootfs.ext4.gz). Yocto keeps earlier builds; the newest counts.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from .androidboot import BootImage
from .error import ImageError
from .ext4 import HEAD, Ext4
from .manifest import NAME, Manifest, inside
from .sparse import SparseImage

BLOCK_SIZE = 4096
"""Bytes; smaller file system blocks than the sectors of the board's UFS cannot be mounted."""
_STEP = 1 << 20


@dataclass(frozen=True)
class Image:
    """A file for a partition. `size` is what it takes on the board, in bytes, expanded and unpacked."""

    partition: str
    path: Path
    size: int

    @property
    def packed(self) -> bool:
        """Whether the file must be unpacked before it is flashed."""
        return self.path.suffix == ".gz"

    def unpack(self, scratch: Path) -> Image:
        """The image itself, or a copy without its gzip in the folder `scratch`; zeros are holes.

        Raises ImageError if the file is corrupt, OSError if the copy does not fit; no half a copy is left.
        """
        if not self.packed:
            return self
        target = scratch / self.path.stem
        try:
            with target.open("wb") as out, _opened(self.path) as packed:
                while data := packed.read(_STEP):
                    if out.tell() + len(data) > self.size:
                        raise ImageError(f"{self.path} holds more than the {self.size:,} bytes it claims")
                    if data == bytes(len(data)):
                        out.seek(len(data), 1)
                    else:
                        out.write(data)
                out.truncate(out.tell())
            return check(self.partition, target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise


@dataclass(frozen=True)
class DeployFolder:
    """The checked contents of a folder; `manifest` is None for a Yocto folder."""

    path: Path
    images: tuple[Image, ...]
    manifest: Manifest | None

    @classmethod
    def open(cls, path: Path, compatible: str | None = None) -> DeployFolder:
        """Find and check all images; raises ImageError.

        `compatible` is the board's name in its device tree; without it only the manifest's counts.
        """
        if not path.is_dir():
            raise ImageError(f"{path} is not a folder")
        if (path / NAME).exists():
            manifest = Manifest.read(path)
            for artifact in manifest.artifacts:
                artifact.verify()
            files = {artifact.partition: artifact.path for artifact in manifest.artifacts}
        else:
            manifest = None
            files = {"boot": _boot_file(path, compatible), "rootfs": _rootfs_file(path)}
        wanted = {name for name in (compatible, manifest and manifest.compatible) if name}
        images = tuple(check(partition, file, wanted) for partition, file in files.items())
        return cls(path, images, manifest)

    def check_fit(self, sizes: Mapping[str, int]) -> None:
        """Compare the images with the board's partitions (name without slot, bytes); raises ImageError."""
        for image in self.images:
            if image.partition not in sizes:
                raise ImageError(f"the board has no partition {image.partition}")
            if image.size > sizes[image.partition]:
                raise ImageError(
                    f"{image.path.name} needs {image.size:,} bytes, "
                    f"the partition {image.partition} has {sizes[image.partition]:,}"
                )


def check(partition: str, path: Path, compatible: Iterable[str] = ()) -> Image:
    """Look into a file that is meant for a partition; raises ImageError if it is not what belongs there."""
    try:
        if partition == "boot":
            boards = BootImage.parse(path).compatible
            if missing := [name for name in compatible if name not in boards]:
                raise ImageError(f"it is for {', '.join(boards)}, not for {', '.join(missing)}")
            return Image(partition, path, path.stat().st_size)
        if partition == "rootfs":
            return Image(partition, path, _rootfs_size(path))
        raise ImageError(f"the partition {partition} is unknown, only boot and rootfs are flashed")
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error
    except OSError as error:
        raise ImageError(f"cannot read {path}: {error.strerror}") from error


def _rootfs_size(path: Path) -> int:
    size: int | None = None
    with _opened(path) as file:
        head = file.read(HEAD)
        if SparseImage.recognised(head):
            if path.suffix == ".gz":
                raise ImageError("a gzipped sparse image cannot be checked: unpack it first")
            sparse = SparseImage(file)
            head, size = sparse.read(HEAD), sparse.size
        elif path.suffix != ".gz":
            size = path.stat().st_size
    system = Ext4.parse(head)
    if system.block_size < BLOCK_SIZE:
        raise ImageError(
            f"its file system has blocks of {system.block_size} bytes, the board needs {BLOCK_SIZE}"
        )
    if size is not None and size < system.size:
        raise ImageError(f"the file system is truncated: {size:,} of {system.size:,} bytes")
    return size if size is not None else system.size


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The file, unpacked on the fly if it is gzipped; a corrupt one is an ImageError."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield cast(BinaryIO, file)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ImageError(f"{path.name} is corrupt: {error}") from error


def _boot_file(folder: Path, compatible: str | None) -> Path:
    """The boot image for the board: Yocto makes one per device tree."""
    what = "boot image (boot-*.img)"
    found = _find(folder, "boot-*.img")
    if len(found) < 2:
        return _newest(folder, what, found)
    boards = {file: BootImage.parse(file).compatible for file in found}
    if compatible is None:
        if len(set(boards.values())) > 1:
            raise ImageError(f"{folder} holds more than one {what}: {', '.join(file.name for file in found)}")
        return _newest(folder, what, found)
    found = [file for file in found if compatible in boards[file]]
    if not found:
        raise ImageError(f"no boot image in {folder} is for {compatible}")
    return _newest(folder, what, found)


def _rootfs_file(folder: Path) -> Path:
    found = _find(folder, "*.rootfs.ext4") + _find(folder, "*.rootfs.ext4.gz")
    return _newest(folder, "root file system (*.rootfs.ext4 or *.rootfs.ext4.gz)", found)


def _find(folder: Path, pattern: str) -> list[Path]:
    """Files by name. Yocto's links without a time stamp lead to its last build: where there are any, only
    what they lead to counts."""
    matches = [file for file in sorted(folder.glob(pattern)) if file.exists()]
    links = [file for file in matches if file.is_symlink()]
    return sorted({inside(folder, file.name) for file in links or matches})


def _newest(folder: Path, what: str, found: list[Path]) -> Path:
    if not found:
        raise ImageError(f"there is no {NAME} and no {what} in {folder}")
    return max(found, key=lambda file: file.stat().st_mtime_ns)
