# SPDX-License-Identifier: MIT
"""Build folders of BitBake, each made by kas once a session, and only where the layers are to be had."""

import functools
from collections.abc import Callable

import bitbake
import pytest


@pytest.fixture(scope="session")
def configure() -> Callable[..., bitbake.Build]:
    """Makes a build folder of kas files: `configure(name, *files, machine=None)`, without network."""
    if reason := bitbake.why_not():
        pytest.skip(reason)

    @functools.cache
    def make(name: str, *files: str, machine: str | None = None) -> bitbake.Build:
        return bitbake.configure(name, *files, bitbake.OFFLINE, *bitbake.FEW, machine=machine)

    return make


@pytest.fixture(scope="session")
def virtual(configure: Callable[..., bitbake.Build]) -> bitbake.Build:
    """The layer with its feature, for the virtual board."""
    return configure("virtual", "kas/virtual.yml")
