# SPDX-License-Identifier: MIT
"""What the bootloader remembers while the power is off: the active slot and the partitions that are marked
bad."""

from __future__ import annotations

import json
from pathlib import Path

SLOTS = ("a", "b")


class Nvram:
    """A small file that is replaced as a whole on each change, so that no power cut leaves half of one."""

    def __init__(self, path: Path) -> None:
        """Read the file; one that is missing or unreadable is a new board's memory."""
        self._path = path
        self.slot = SLOTS[0]
        self.bad: dict[str, str] = {}
        try:
            stored = json.loads(path.read_text())
            slot, bad = str(stored["slot"]), {str(name): str(why) for name, why in stored["bad"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return
        if slot in SLOTS:
            self.slot, self.bad = slot, bad

    def set_slot(self, slot: str) -> None:
        """Make `slot` the active one."""
        self.slot = slot
        self._save()

    def mark_bad(self, partition: str, why: str) -> None:
        """Remember that a partition must not be booted, and why."""
        self.bad[partition] = why
        self._save()

    def mark_good(self, partition: str) -> None:
        """Forget a mark."""
        if self.bad.pop(partition, None) is not None:
            self._save()

    def _save(self) -> None:
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps({"slot": self.slot, "bad": self.bad}))
        new.replace(self._path)
