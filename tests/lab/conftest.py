# SPDX-License-Identifier: MIT
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A new board, powered off."""
    board = Bench(tmp_path / "board")
    yield board
    board.close()


@pytest.fixture
def fastboot_bench(bench: Bench) -> Bench:
    """A new board in fastboot."""
    bench.enter_fastboot()
    bench.console.until("fastboot mode")
    return bench
