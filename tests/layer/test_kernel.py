# SPDX-License-Identifier: MIT
"""The layer's kernel code by the kernel's own measure."""

import subprocess
from pathlib import Path

import pytest

from lab.debian.image import LAYER, QuickImage
from lab.paths import BUILD

PATCHES = sorted((LAYER / "recipes-kernel/linux/files").rglob("*.patch"))
SOURCES = sorted((LAYER / "recipes-kernel/virtual-adsp/files/module").glob("*.[ch]"))


@pytest.fixture(scope="session")
def kernel() -> Path:
    """Debian's kernel, with the sources that the patches are for."""
    return QuickImage(BUILD, print).kernel()


def checkpatch(kernel: Path, *arguments: str | Path) -> None:
    script = kernel / "source/scripts/checkpatch.pl"
    command = ["perl", script, "--no-tree", "--no-summary", "--terse", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("patch", PATCHES, ids=lambda path: path.name)
def test_patches_are_clean(kernel: Path, patch: Path) -> None:
    # Upstream-Status is Yocto's, between the tags; the kernel knows no such line.
    checkpatch(kernel, "--ignore", "BAD_SIGN_OFF,COMMIT_LOG_LONG_LINE", patch)


@pytest.mark.parametrize("patch", PATCHES, ids=lambda path: path.name)
def test_a_patch_with_a_fault_is_not_clean(kernel: Path, patch: Path, tmp_path: Path) -> None:
    broken = tmp_path / patch.name
    broken.write_text(patch.read_text().replace("\n+\t", "\n+        ", 1))
    with pytest.raises(AssertionError):
        checkpatch(kernel, broken)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_the_module_is_clean(kernel: Path, source: Path) -> None:
    checkpatch(kernel, "--file", source)
