# SPDX-License-Identifier: MIT
"""From a deploy folder to a flashed board: what is to be written, is it sound, does it fit; then write it.

Nothing is written before everything has been checked.
"""

import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lab.errors import LabError, UserError
from lab.images import ImageError
from lab.images.deploy import DeployFolder, Image
from lab.images.manifest import NAME as MANIFEST

#: Told of an image, of its bytes that are on the board, and of what goes on: "sending", "writing", "done".
Progress = Callable[[Image, int, str], None]


class PlanError(UserError):
    """The deploy folder is incomplete or damaged."""


class FlashError(LabError):
    """The images do not fit the board."""


class Bootloader(Protocol):
    """What flashing needs of a fastboot driver."""

    listener: Callable[[str], None] | None

    def getvar(self, var: str) -> str:
        """The value of a variable; raises LabError where there is none."""

    def flash(self, partition: str, filename: str) -> None:
        """Write a file to a partition; raises LabError where that fails."""


@dataclass(frozen=True)
class Plan:
    """What a deploy folder asks to be flashed, checked."""

    folder: Path
    images: tuple[Image, ...]
    digests: dict[str, str]  #: SHA-256 of the image files, by partition
    manifest: dict[str, Any] | None  #: None for a folder that has none, as Yocto makes it
    key: Path | None = None  #: the private key that opens the image's SSH server, if known

    @property
    def size(self) -> int:
        """Bytes that all images take on the board."""
        return sum(image.size for image in self.images)

    @classmethod
    def read(cls, folder: Path, *, compatible: str | None = None, key: Path | None = None) -> "Plan":
        """Read *folder* and check every image in it. Raises PlanError.

        *compatible* is the board's name in its device tree: a Yocto folder may hold boot images of several.
        *key* opens the image's SSH server, by default the ``id_ed25519`` in the folder.
        """
        if key is None and (folder / "id_ed25519").exists():
            key = folder / "id_ed25519"
        if key is not None and not key.is_file():
            raise PlanError(f"there is no key {key}")
        try:
            deploy = DeployFolder.open(folder, compatible)
        except ImageError as error:
            raise PlanError(str(error)) from error
        if deploy.manifest is None:
            digests = {image.partition: _digest(image) for image in deploy.images}
            return cls(folder, deploy.images, digests, None, key)
        digests = {artifact.partition: artifact.sha256 for artifact in deploy.manifest.artifacts}
        return cls(folder, deploy.images, digests, json.loads((folder / MANIFEST).read_text()), key)


def _digest(image: Image) -> str:
    with image.path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_fit(bootloader: Bootloader, images: Sequence[Image]) -> None:
    """Compare the images with the board's partitions, as the fastboot client does not. Raises FlashError."""
    for image in images:
        room = partition_size(bootloader, image.partition)
        if image.size > room:
            raise FlashError(
                f"{image.path.name} takes {image.size:,} bytes, the partition {image.partition} has {room:,}"
            )


def partition_size(bootloader: Bootloader, partition: str) -> int:
    """Bytes of a partition, in the current slot where it has slots. Raises LabError where there is none."""
    slotted = bootloader.getvar(f"has-slot:{partition}") == "yes"
    name = f"{partition}_{bootloader.getvar('current-slot')}" if slotted else partition
    return int(bootloader.getvar(f"partition-size:{name}"), 16)


# What the fastboot client says, e.g. "Sending sparse 'rootfs' 1/2 (524284 KB)   OKAY [  0.6s]".
_SENDING = re.compile(r"Sending (?:sparse )?'\S+'(?: \d+/\d+)? \((\d+) KB\)\s*(OKAY)?")
_WRITING = re.compile(r"Writing '\S+'")


def flash(bootloader: Bootloader, image: Image, progress: Progress | None = None) -> None:
    """Write one image. Raises LabError with the bootloader's reason."""
    done = 0

    def listen(line: str) -> None:
        nonlocal done
        if progress is None:
            return
        if sending := _SENDING.search(line):
            if sending[2]:
                done = min(done + int(sending[1]) * 1024, image.size)
            progress(image, done, "sending")
        elif _WRITING.search(line):
            progress(image, done, "writing")

    bootloader.listener = listen
    try:
        with tempfile.TemporaryDirectory(prefix="offload-lab-") as scratch:
            unpacked = image.unpack(Path(scratch))
            bootloader.flash(image.partition, str(unpacked.path))
    except ImageError as error:
        raise PlanError(str(error)) from error
    finally:
        bootloader.listener = None
    if progress:
        progress(image, image.size, "done")
