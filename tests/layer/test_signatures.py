# SPDX-License-Identifier: MIT
"""Without its distro feature the layer changes nothing: no task has another signature than without the layer.

yocto-check-layer (`make check-layer`) asks that of every recipe there is, here are those of the appends.
"""

import re
from collections.abc import Callable

import pytest
from bitbake import Build

pytestmark = pytest.mark.timeout(3600)
RECIPES = ("alsa-ucm-conf", "ffmpeg", "linux-yocto", "pipewire", "tinycompress", "wireplumber")


def signatures(build: Build, *options: str) -> dict[str, str]:
    """Signature by recipe and task, of all that the recipes are built from."""
    build.run("rm", "-f", "locked-sigs.inc")
    said = build.run("bitbake", "-S", "lockedsigs", *options, *RECIPES)
    locked = build.folder / "locked-sigs.inc"
    assert locked.exists(), said.stdout[-4000:]
    entries = re.findall(r"^\s*([\w.+-]+:do_\w+):([0-9a-f]{64})", locked.read_text(), re.MULTILINE)
    assert entries
    return dict(entries)


def test_the_layer_without_its_feature_changes_no_signature(configure: Callable[..., Build]) -> None:
    off = "tests/layer/kas/feature-off.yml"
    absent = configure(
        "layer-absent", "kas/virtual.yml", off, "tests/layer/kas/layer-absent.yml", machine="qemuarm64"
    )
    present = configure("layer-off", "kas/virtual.yml", off, machine="qemuarm64")
    before, after = signatures(absent), signatures(present)
    changed = sorted(task for task in before if after.get(task) != before[task])
    assert not changed, changed
    for recipe in RECIPES:
        assert f"{recipe}:do_compile" in before or f"{recipe}:do_install" in before


def test_the_feature_does_change_signatures(configure: Callable[..., Build]) -> None:
    """Else the test above would compare nothing."""
    off = "tests/layer/kas/feature-off.yml"
    before = signatures(configure("layer-off", "kas/virtual.yml", off, machine="qemuarm64"))
    after = signatures(configure("qemuarm64", "kas/virtual.yml", machine="qemuarm64"))
    assert {
        recipe for recipe in RECIPES
        if any(after.get(task) != digest for task, digest in before.items() if task.startswith(f"{recipe}:"))
    } == set(RECIPES)  # fmt: skip
