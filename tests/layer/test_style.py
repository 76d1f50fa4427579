# SPDX-License-Identifier: MIT
"""The layer by the rules of its field, without any other layer: style guide, patch headers, feature guard."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "meta-compress-offload"
METADATA = sorted(
    path for path in LAYER.rglob("*") if path.suffix in {".bb", ".bbappend", ".inc", ".conf", ".bbclass"}
)
METADATA = [path for path in METADATA if "files" not in path.parts]
APPENDS = [path for path in METADATA if path.suffix == ".bbappend"]
PATCHES = sorted(LAYER.rglob("*.patch"))

# OpenEmbedded's contributor guide, "Patch Upstream Status".
STATUS = re.compile(
    r"^Upstream-Status: (Pending|Submitted \[.+\]|Backport \[.+\]|Denied \[.+\]|Inappropriate \[.+\]"
    r"|Inactive-Upstream \[.+\])$",
    re.MULTILINE,
)
GUARD = re.compile(
    r"require \$\{@bb\.utils\.contains\(.DISTRO_FEATURES., .compress-offload., .(?P<inc>[^'\"]+)., .., d\)\}"
)
# The layer's own machine: nobody else's build sees these.
OWN_MACHINE = re.compile(r"[\w:]+:virtual-db845c\b.*")


def relative(path: Path) -> str:
    return str(path.relative_to(LAYER)) if path.is_relative_to(LAYER) else path.name


def lint(*paths: Path) -> str:
    """Findings of oelint-adv, with the layer's .oelint.cfg; empty when there are none."""
    command = [Path(sys.executable).with_name("oelint-adv"), "--quiet", "--relpaths"]
    result = subprocess.run([*command, *paths], cwd=LAYER, capture_output=True, text=True, check=False)
    return "" if result.returncode == 0 else result.stdout + result.stderr


def test_recipes_follow_the_style_guide() -> None:
    assert METADATA
    assert lint(*METADATA) == ""


def test_the_style_guide_is_really_asked(tmp_path: Path) -> None:
    recipe = tmp_path / "careless_1.0.bb"
    recipe.write_text('LICENSE = "MIT"\nDEPENDS = "zlib  alsa-lib"\n')
    assert "careless_1.0.bb" in lint(recipe)


@pytest.mark.parametrize("patch", PATCHES, ids=relative)
def test_patch_says_who_why_and_where_it_stands(patch: Path) -> None:
    header = patch.read_text().split("\n---\n")[0]
    assert re.search(r"^Subject: .+$", header, re.MULTILINE)
    assert re.search(r"^Signed-off-by: .+ <.+>$", header, re.MULTILINE)
    assert STATUS.search(header), "no Upstream-Status that OpenEmbedded knows"


def named_files() -> set[str]:
    """What the recipes name in SRC_URI."""
    text = "\n".join(path.read_text() for path in METADATA)
    return set(re.findall(r"file://([^\s;\"']+)", text))


@pytest.mark.parametrize("patch", PATCHES, ids=relative)
def test_patch_is_applied_by_a_recipe(patch: Path) -> None:
    name = str(patch.relative_to(next(parent for parent in patch.parents if parent.name == "files")))
    # What only other versions need, which Yocto does not have: PipeWire 1.4.2, Linux 6.12 and 7.2.
    assert (name in named_files()) != name.startswith(("1.4.2/", "6.12/", "7.2/"))


def test_every_append_is_nothing_but_the_guard() -> None:
    assert APPENDS
    for append in APPENDS:
        lines = [line for line in append.read_text().splitlines() if line and not line.startswith("#")]
        guard = GUARD.fullmatch(lines[0])
        assert guard, f"{append.name} is not guarded: {lines[0]}"
        included = guard["inc"].replace("${BPN}", append.name.split("_")[0])
        assert (append.parent / included).is_file() or (LAYER / included).is_file(), (
            f"{append.name}: {included}"
        )
        for line in lines[1:]:
            assert OWN_MACHINE.fullmatch(line), f"{append.name} does more than ask for the feature: {line}"


def test_the_layer_configuration_sets_nothing_but_the_layer() -> None:
    """A layer.conf is read by whoever has the layer, feature or not."""
    text = (LAYER / "conf/layer.conf").read_text().replace("\\\n", " ")
    names = re.findall(r"^([A-Za-z_][\w:-]*)\s*(?:[?:.+]?=|=[.+])", text, re.MULTILINE)
    assert names
    for name in names:
        assert re.match(r"(BBPATH|BBFILES|BBFILES_DYNAMIC|BBFILE_\w+|LAYER\w+|COMPRESS_OFFLOAD_\w+)", name), (
            f"{name} reaches other layers"
        )
