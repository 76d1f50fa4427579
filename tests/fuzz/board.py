# SPDX-License-Identifier: MIT
"""The target that needs a board: the bridge module, and the drivers behind it, fed by the DSP model."""

from __future__ import annotations

import sys
from pathlib import Path

#: Its test does all the work, so that ``make test`` has a quick set of it.
TARGETS = ("bridge",)
#: Seconds: the board boots before the first case.
PATIENCE = 900


def command(cases: int, seed: int) -> list[str | Path]:
    """How the test is run; it prints the number of cases behind it."""
    pytest = [sys.executable, "-m", "pytest", "-s", "-q", "tests/board/test_bridge_fuzz.py"]
    return ["env", f"OFFLOAD_CASES={cases}", f"OFFLOAD_SEED={seed}", *pytest]
