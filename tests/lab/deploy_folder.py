# SPDX-License-Identifier: MIT
"""A deploy folder with small images, as `flash` takes it."""

import hashlib
import json
from pathlib import Path
from typing import Any

from samples import boot_image, ext4_head, write

#: Bytes of the root file system.
ROOTFS = 1 << 20


def make(folder: Path, *, cmdline: str = "Linux version 0", rootfs: int = ROOTFS) -> Path:
    """Fill *folder*; a fake machine prints *cmdline* when it boots."""
    folder.mkdir(parents=True, exist_ok=True)
    boot = write(folder / "boot-virtual-db845c.img", boot_image(cmdline).pack())
    system = write(folder / "rootfs.ext4", ext4_head(rootfs) + b"\x5a" * (rootfs - 4096))
    write(folder / "id_ed25519", b"a key\n")
    manifest = {
        "machine": "virtual-db845c",
        "compatible": "thundercomm,db845c",
        "kernel": "6.12.107",
        "pipewire": {"version": "1.4.2", "source": "debian", "patched": True},
        "artifacts": {"boot": _entry(boot), "rootfs": _entry(system)},
        "parts": {"dsp": {"version": "1", "sha256": "0" * 64}},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def _entry(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {"file": path.name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
