# SPDX-License-Identifier: MIT
"""manifest.json of a deploy folder: which file belongs to which partition, and what it was built from."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .error import ImageError

NAME = "manifest.json"


@dataclass(frozen=True)
class Artifact:
    """A file of the folder for one partition, with its size in bytes and the SHA-256 of it in hexadecimal."""

    partition: str
    path: Path
    size: int
    sha256: str

    def verify(self) -> None:
        """Raise ImageError unless the file is the one that the manifest means."""
        try:
            size = self.path.stat().st_size
            if size != self.size:
                raise ImageError(f"{self.path} has {size:,} bytes, the manifest says {self.size:,}")
            with self.path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise ImageError(f"{self.path} is missing, though the manifest names it") from None
        except OSError as error:
            raise ImageError(f"cannot read {self.path}: {error.strerror}") from error
        except ValueError:
            raise ImageError(f"no file can have the name {str(self.path)!r}") from None
        if digest != self.sha256:
            raise ImageError(f"{self.path} is damaged: its SHA-256 is not the one in the manifest")


@dataclass(frozen=True)
class Manifest:
    """What a deploy folder says about itself.

    `compatible` is the board's name in its device tree. `pipewire` has version, source and patched;
    `parts` maps what went in to its version and SHA-256; both are for the report and may be empty.
    """

    machine: str
    compatible: str
    kernel: str
    artifacts: tuple[Artifact, ...]
    pipewire: dict[str, Any]
    parts: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read the manifest; ImageError if it is missing, incomplete or points out of the folder."""
        path = folder / NAME
        try:
            data = json.loads(path.read_text())
        except FileNotFoundError:
            raise ImageError(f"there is no {NAME} in {folder}") from None
        except OSError as error:
            raise ImageError(f"cannot read {path}: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise ImageError(f"{path} is not JSON: {error}") from error
        if not isinstance(data, dict):
            raise ImageError(f"{path} does not hold a JSON object")
        artifacts = _field(path, data, "artifacts", dict)
        if not artifacts:
            raise ImageError(f"{path} names no artifacts")
        return cls(
            machine=_field(path, data, "machine", str),
            compatible=_field(path, data, "compatible", str),
            kernel=_field(path, data, "kernel", str),
            artifacts=tuple(_artifact(path, name, entry) for name, entry in artifacts.items()),
            pipewire=_field(path, {"pipewire": {}, **data}, "pipewire", dict),
            parts=_field(path, {"parts": {}, **data}, "parts", dict),
        )


def inside(folder: Path, name: str) -> Path:
    """The path of a file that lies in the folder, links followed; raises ImageError if it lies elsewhere."""
    root = folder.resolve()
    try:
        path = (root / name).resolve()
    except (OSError, ValueError, RuntimeError):  # too long, with a NUL or half a character, a loop of links
        path = root
    if Path(name).is_absolute() or not path.is_relative_to(root) or path == root:
        raise ImageError(f"{name} is not a file inside {folder}")
    if os.path.lexists(path) and not path.is_file():  # who opens a pipe may wait for ever
        raise ImageError(f"{name} in {folder} is not a plain file")
    return path


def _artifact(path: Path, partition: str, entry: Any) -> Artifact:
    if not isinstance(entry, dict):
        raise ImageError(f"{path}: the artifact {partition} is not a JSON object")
    size = _field(path, entry, "size", int)
    sha256 = _field(path, entry, "sha256", str)
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise ImageError(f"{path}: the sha256 of {partition} is not 64 hexadecimal digits")
    return Artifact(partition, inside(path.parent, _field(path, entry, "file", str)), size, sha256)


def _field(path: Path, data: dict[str, Any], name: str, kind: type) -> Any:
    value = data.get(name)
    if not isinstance(value, kind):
        raise ImageError(f"{path}: the field {name} is missing or not of type {kind.__name__}")
    return value
