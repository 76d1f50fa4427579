# SPDX-License-Identifier: MIT
"""What is to be flashed, checked; and the writing of one image. `lab.preflight` is between the two."""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lab.errors import LabError, UserError
from lab.images import ImageError
from lab.images.deploy import DeployFolder, Image, check
from lab.images.kind import partition_of
from lab.images.manifest import NAME as MANIFEST
from lab.images.manifest import inside

#: Told of an image, of its bytes that are on the board, and of what goes on: "sending", "writing", "done".
Progress = Callable[[Image, int, str], None]


class PlanError(UserError):
    """The deploy folder is incomplete or damaged."""


class FlashError(LabError):
    """The images do not fit the board, or did not get there."""


class LinkLostError(LabError):
    """The bootloader stopped answering in the middle of a command: it may be tried again."""


class Bootloader(Protocol):
    """What flashing needs of a fastboot driver."""

    listener: Callable[[str], None] | None

    def getvar(self, var: str) -> str:
        """The value of a variable; raises LabError if there is none, LinkLostError if it does not say."""

    def flash(self, partition: str, filename: str) -> None:
        """Write a file to a partition; raises LabError where that fails, LinkLostError where it may not."""

    def await_answer(self) -> None:
        """Wait until it answers; raises LabError where it does not."""


@dataclass(frozen=True)
class Plan:
    """What is asked to be flashed, checked."""

    folder: Path  #: of the images
    images: tuple[Image, ...]
    digests: dict[str, str]  #: SHA-256 of the image files, by partition
    manifest: dict[str, Any] | None  #: None for a folder that has none, as Yocto makes it
    key: Path | None = None  #: the private key that opens the image's SSH server, if known
    objections: tuple[str, ...] = ()  #: what is wrong with the images, for ``--force`` to overrule

    @property
    def host_key(self) -> Path | None:
        """The public key that the image's SSH server shows, if the folder has it."""
        return _in_folder(self.folder, "ssh_host_ed25519_key.pub")

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
        folder = _deploy_folder(folder)
        key = _key(key, folder)
        try:
            deploy = DeployFolder.open(folder, compatible)
        except ImageError as error:
            raise PlanError(str(error)) from error
        if deploy.manifest is None:
            digests = {image.partition: _digest(image) for image in deploy.images}
            return cls(folder, deploy.images, digests, None, key)
        digests = {artifact.partition: artifact.sha256 for artifact in deploy.manifest.artifacts}
        return cls(folder, deploy.images, digests, json.loads((folder / MANIFEST).read_text()), key)

    @classmethod
    def of_files(cls, files: Sequence[str | Path], *, key: Path | None = None) -> "Plan":
        """The plan for single images: ``FILE``, whose content tells its partition, or ``PARTITION=FILE``.

        A file that does not belong where it is told to go is an objection. Raises PlanError for one that
        cannot be read, or that is nothing the lab knows and has no partition named.
        """
        images: list[Image] = []
        objections = []
        for file in files:
            name, equals, path = str(file).rpartition("=")
            if not equals:
                name, path = "", str(file)
            try:
                partition = name or partition_of(Path(path))
                image = check(partition, Path(path))
            except ImageError as error:
                if not name or not Path(path).is_file():
                    raise PlanError(str(error)) from error
                objections.append(str(error))
                image = Image(name, Path(path), Path(path).stat().st_size)
            if image.partition in (other.partition for other in images):
                raise PlanError(f"more than one image is for {image.partition}")
            images.append(image)
        return cls(
            images[0].path.parent,
            tuple(images),
            {image.partition: _digest(image) for image in images},
            None,
            _key(key, images[0].path.parent),
            tuple(objections),
        )


def _deploy_folder(folder: Path) -> Path:
    """A Yocto build folder's deploy folder, or *folder* itself. Raises PlanError where there are several."""
    found = sorted(path for path in folder.glob("tmp*/deploy/images/*") if path.is_dir())
    if len(found) > 1:
        names = ", ".join(str(path) for path in found)
        raise PlanError(f"{folder} has images for several machines: name one of {names}")
    return found[0] if found else folder


def _key(key: Path | None, folder: Path) -> Path | None:
    """*key*, by default the one that came with the images. Raises PlanError for one that does not exist."""
    if key is not None and not key.is_file():
        raise PlanError(f"there is no key {key}")
    return key or _in_folder(folder, "id_ed25519")


def _in_folder(folder: Path, name: str) -> Path | None:
    """A file that came with the images, if there is one. Raises PlanError for a link to somewhere else."""
    if not os.path.lexists(folder / name):
        return None
    try:
        return inside(folder, name)
    except ImageError as error:
        raise PlanError(str(error)) from error


def _digest(image: Image) -> str:
    with image.path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


# What the fastboot client says, e.g. "Sending sparse 'rootfs' 1/2 (524284 KB)   OKAY [  0.6s]".
_SENDING = re.compile(r"Sending (?:sparse )?'\S+'(?: \d+/\d+)? \((\d{1,12}) KB\)\s*(OKAY)?")
_WRITING = re.compile(r"Writing '\S+'")


def listener(image: Image, progress: Progress) -> Callable[[str], None]:
    """What takes the fastboot client's lines while *image* is written, and tells *progress* of them."""
    done = 0

    def listen(line: str) -> None:
        nonlocal done
        if sending := _SENDING.search(line):
            if sending[2]:
                done = min(done + int(sending[1]) * 1024, image.size)
            progress(image, done, "sending")
        elif _WRITING.search(line):
            progress(image, done, "writing")

    return listen


#: How often a write is tried again after the link was lost. Writing an image once more does no harm: the
#: partition is incomplete anyway, and no other has been touched.
RETRIES = 2


def flash(
    bootloader: Bootloader, image: Image, partition: str = "", progress: Progress | None = None
) -> None:
    """Write one image to *partition*, by default the image's in the current slot.

    Where the link is lost, wait for the bootloader and try again. Raises LabError with the bootloader's
    reason, at once where it refuses.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="offload-lab-") as scratch:
            unpacked = image.unpack(Path(scratch))
            for left in reversed(range(RETRIES + 1)):
                bootloader.listener = listener(image, progress or (lambda *_: None))
                try:
                    bootloader.flash(partition or image.partition, str(unpacked.path))
                    break
                except LinkLostError:
                    if not left:
                        raise
                    bootloader.await_answer()
    except ImageError as error:
        raise PlanError(str(error)) from error
    finally:
        bootloader.listener = None
    if progress:
        progress(image, image.size, "done")
