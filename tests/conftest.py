# SPDX-License-Identifier: MIT
"""What all tests share; above all the board that tests/board runs on."""

import signal
from contextlib import ExitStack

import pytest

from lab.environment import Board
from lab.places import locked


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--board",
        default="virtual",
        metavar="NAME",
        help="board for tests/board, or a labgrid environment file (default: a virtual board of its own)",
    )


def pytest_configure(config: pytest.Config) -> None:
    # A shell starts its background jobs, CI's perhaps among them, with Ctrl-C ignored, and what the tests
    # start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # labgrid's SerialLoggingReporter.flush() trips over a second console that has not said anything yet.
    config.addinivalue_line(
        "filterwarnings", "ignore:unhandled exception during event notification. SerialDriver:UserWarning"
    )
    # labgrid's plugin loads the environment after this, and skips what the board has no feature for. A
    # virtual board has no ports before its first test: only then it is started.
    if config.option.lg_env is None:
        board = Board.find(config.option.board, instance="test")
        board.load(must_run=False)
        config.option.lg_env = str(board.environment)
        if board.place and not config.option.collectonly:
            # labgrid's plugin asks for the resources before it sets up any fixture.
            stack = ExitStack()
            stack.enter_context(locked(board.place))
            config.add_cleanup(stack.close)
