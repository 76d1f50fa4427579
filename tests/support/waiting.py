# SPDX-License-Identifier: MIT
"""Waiting for what a board does in its own time."""

import time
from collections.abc import Callable

#: Seconds of the host after which it will not happen anymore, however busy the host is.
LIMIT = 300


def wait_for(condition: Callable[[], object], seconds: float = LIMIT) -> None:
    """Until *condition* is true; fails the test after *seconds*."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.3)
