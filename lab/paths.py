# SPDX-License-Identifier: MIT
"""Where the lab keeps what it makes; all of it is below ``build/``, which git ignores."""

import os
import re
from pathlib import Path

from lab.errors import UserError

#: The checkout. The package is installed in place (``pip install -e``), so the tree is beside it.
ROOT = Path(__file__).resolve().parents[1]
#: Downloads, builds, boards and runs. OFFLOAD_BUILD moves it, e.g. to a larger disk.
BUILD = Path(os.environ.get("OFFLOAD_BUILD") or ROOT / "build")
#: One folder per run of a command, with its logs and its report.
RUNS = BUILD / "runs"


#: What a board may be called: its folder is named so, and must lie beside the others.
_BOARD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def board_folder(name: str) -> Path:
    """The folder of the board *name*; it need not exist yet. Raises UserError for no good name."""
    if not _BOARD.fullmatch(name):
        raise UserError(f"no board can be called {name!r}: take letters, digits, dots and dashes")
    return BUILD / "boards" / name
