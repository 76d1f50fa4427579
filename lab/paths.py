# SPDX-License-Identifier: MIT
"""Where the lab keeps what it makes; all of it is below ``build/``, which git ignores."""

import os
from pathlib import Path

#: The checkout. The package is installed in place (``pip install -e``), so the tree is beside it.
ROOT = Path(__file__).resolve().parents[1]
#: Downloads, builds, boards and runs. OFFLOAD_BUILD moves it, e.g. to a larger disk.
BUILD = Path(os.environ.get("OFFLOAD_BUILD") or ROOT / "build")
#: One folder per run of a command, with its logs and its report.
RUNS = BUILD / "runs"


def board_folder(name: str) -> Path:
    """The folder of the board *name*; it need not exist yet."""
    return BUILD / "boards" / name
