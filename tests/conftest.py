# SPDX-License-Identifier: MIT
"""What all tests share."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    # labgrid's SerialLoggingReporter.flush() trips over a second console that has not said anything yet.
    config.addinivalue_line(
        "filterwarnings", "ignore:unhandled exception during event notification. SerialDriver:UserWarning"
    )
