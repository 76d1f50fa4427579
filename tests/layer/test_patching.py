# SPDX-License-Identifier: MIT
"""The recipes name the patches of the series, and BitBake applies them to upstream's sources."""

import re
import subprocess
from pathlib import Path

import pytest
from bitbake import LAYER, Build

SERIES = {
    "pipewire": (
        LAYER / "recipes-multimedia/pipewire/pipewire-compress-offload.inc",
        LAYER / "recipes-multimedia/pipewire/files/1.6.8/series",
    ),
    "linux": (
        LAYER / "recipes-kernel/linux/linux-compress-offload.inc",
        LAYER / "recipes-kernel/linux/files/6.18/series",
    ),
}


@pytest.mark.parametrize(("recipe", "series"), SERIES.values(), ids=SERIES)
def test_the_recipe_has_the_patches_of_the_series(recipe: Path, series: Path) -> None:
    named = re.findall(r"file://(\S+\.patch)", recipe.read_text())
    listed = [line.partition("#")[0].strip() for line in series.read_text().splitlines()]
    assert named == [line for line in listed if line]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("recipe", ["pipewire", "wireplumber", "tinycompress"])
def test_bitbake_applies_them(virtual: Build, recipe: str) -> None:
    source = virtual.source(recipe)
    if source is None:
        pytest.skip(f"needs the source: a clone {recipe} in the folder OFFLOAD_CLONES")
    wanted = virtual.variables(recipe)["SRCREV"]
    if subprocess.run(["git", "--git-dir", source, "cat-file", "-e", wanted], check=False).returncode:
        pytest.skip(f"the clone {recipe} in OFFLOAD_CLONES is older than the recipe: it lacks {wanted}")
    virtual.bitbake("-c", "patch", "-f", recipe)
