# SPDX-License-Identifier: MIT
"""Build folders of BitBake, each made by kas once a session, and only where the layers are to be had."""

import functools
import os
from collections.abc import Callable

import bitbake
import pytest

OFFLINE = "tests/layer/kas/offline.yml"
FEW = () if os.environ.get("OFFLOAD_ALL_RECIPES") == "1" else ("tests/layer/kas/few-recipes.yml",)


@pytest.fixture(scope="session")
def configure() -> Callable[..., bitbake.Build]:
    """Makes a build folder of kas files: `configure(name, *files, machine=None)`, without network."""
    if reason := bitbake.why_not():
        pytest.skip(reason)

    @functools.cache
    def make(name: str, *files: str, machine: str | None = None) -> bitbake.Build:
        return bitbake.configure(name, *files, OFFLINE, *FEW, machine=machine)

    return make


@pytest.fixture(scope="session")
def virtual(configure: Callable[..., bitbake.Build]) -> bitbake.Build:
    """The layer with its feature, for the virtual board."""
    return configure("virtual", "kas/virtual.yml")
