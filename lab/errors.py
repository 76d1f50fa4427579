# SPDX-License-Identifier: MIT
"""What can go wrong, by exit code: each message is one sentence that says what happened and what to do."""


class LabError(Exception):
    """Something failed on the way: the board, the flashing, the playback (exit code 1)."""

    exit_code = 1


class UserError(LabError):
    """The request itself cannot be met: a missing file, an unknown board, not audio (exit code 2)."""

    exit_code = 2


def printable(text: str) -> str:
    """*text* as it may be shown on a terminal: what a board or a file name says cannot move its cursor."""
    return "".join(char if char.isprintable() or char == "\n" else f"\\x{ord(char):02x}" for char in text)
