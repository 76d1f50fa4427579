# SPDX-License-Identifier: MIT
"""The layer's kernel code by the kernel's own measure, and on the kernels that it is for."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.debian.image import LAYER, QuickImage
from lab.paths import BUILD

FILES = LAYER / "recipes-kernel/linux/files"
PATCHES = sorted(FILES.rglob("*.patch"))
SERIES = sorted(FILES.glob("*/series"))
SOURCES = sorted((LAYER / "recipes-kernel/virtual-adsp/files/module").glob("*.[ch]"))


@pytest.fixture(scope="session")
def kernel() -> Path:
    """Debian's kernel, with the sources that the patches are for."""
    return QuickImage(BUILD, print).kernel()


def source(kernel: Path, version: str) -> Path:
    """The source tree of Linux *version*: Debian's, else one of those that OFFLOAD_LINUX names."""
    if (kernel / "release").read_text().startswith(f"{version}."):
        return kernel / "source"
    for tree in filter(None, os.environ.get("OFFLOAD_LINUX", "").split(":")):
        makefile = (Path(tree) / "Makefile").read_text()
        if re.findall(r"^(?:VERSION|PATCHLEVEL) = (\d+)$", makefile, re.MULTILINE) == version.split("."):
            return Path(tree)
    pytest.skip(f"no source of Linux {version} here: name its folder in OFFLOAD_LINUX=DIR[:DIR...]")


def read_series(series: Path) -> list[Path]:
    lines = (line.partition("#")[0].strip() for line in series.read_text().splitlines())
    return [FILES / line for line in lines if line]


def apply(patches: list[Path], tree: Path, work: Path) -> None:
    """Apply to a copy of the files that the patches touch."""
    for patch in patches:
        for name in re.findall(r"^--- a/(\S+)$", patch.read_text(), re.MULTILINE):
            if not (work / name).exists():
                (work / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(tree / name, work / name)
        command = ["patch", "-d", work, "-p1", "--fuzz=0", "--no-backup-if-mismatch", "-i", patch]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"{patch.name}: {result.stdout}"


@pytest.mark.parametrize("series", SERIES, ids=lambda path: path.parent.name)
def test_the_series_applies_without_fuzz(kernel: Path, series: Path, tmp_path: Path) -> None:
    apply(read_series(series), source(kernel, series.parent.name), tmp_path)


def test_a_patch_for_another_source_does_not_apply(kernel: Path, tmp_path: Path) -> None:
    series = next(path for path in SERIES if path.parent.name == "6.12")
    broken = tmp_path / "broken.patch"
    text = read_series(series)[-1].read_text()
    broken.write_text(re.sub(r"^( \t.*)$", r"\1 other", text, count=1, flags=re.MULTILINE))
    with pytest.raises(AssertionError):
        apply([*read_series(series)[:-1], broken], source(kernel, "6.12"), tmp_path)


def test_each_patch_is_in_a_series() -> None:
    assert {path for series in SERIES for path in read_series(series)} == set(PATCHES)


def test_the_recipe_applies_the_series() -> None:
    recipe = (LAYER / "recipes-kernel/linux/linux-compress-offload.inc").read_text()
    patches = [FILES / name for name in re.findall(r"file://(\S+\.patch)", recipe)]
    assert patches == read_series(FILES / "6.18/series")


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
    broken.write_text(re.sub(r"^(\+(?!\+\+).*)$", r"\1 ", patch.read_text(), count=1, flags=re.MULTILINE))
    with pytest.raises(AssertionError):
        checkpatch(kernel, broken)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_the_module_is_clean(kernel: Path, source: Path) -> None:
    checkpatch(kernel, "--file", source)
