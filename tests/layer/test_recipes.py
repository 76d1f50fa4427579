# SPDX-License-Identifier: MIT
"""The layer's recipes under the real bitbake, compiled with Debian's compiler against Debian's packages."""

import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from recipes import Recipes, checkout, compiled

from lab.paths import BUILD

EM_AARCH64 = 183  # elf.h

# Configured with Debian's libpipewire, WirePlumber need not wait until PipeWire is compiled.
DEBIAN_PIPEWIRE = 'DEPENDS:remove = "pipewire"\nDEPENDS:append = " libpipewire-0.3-dev"\n'

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="session")
def recipes() -> Recipes:
    """bitbake, ready to run on the layers that kas has checked out."""
    folder = os.environ.get("OFFLOAD_CLONES")
    if folder is None:
        pytest.skip(
            "needs the upstream layers and sources: set OFFLOAD_CLONES to a folder with clones of bitbake, "
            "openembedded-core, meta-openembedded, pipewire, wireplumber, tinycompress, alsa-ucm-conf, "
            "or to 'network' to let kas and bitbake fetch them"
        )
    clones = None if folder == "network" else Path(folder).absolute()
    work = BUILD.absolute() / "recipes"
    checkout(clones, work)
    return Recipes(work, clones)


def run(recipes: Recipes, *arguments: str, appends: dict[str, str] | None = None) -> str:
    """What bitbake says; fails with it where bitbake fails or warns."""
    try:
        output = recipes.bitbake(*arguments, appends=appends)
    except subprocess.CalledProcessError as error:
        pytest.fail(f"bitbake {' '.join(arguments)}:\n{error.stdout[-8000:]}", pytrace=False)
    assert not re.findall(r"^(?:WARNING|ERROR): .*", output, re.MULTILINE)
    return output


def packaged(recipes: Recipes, recipe: str) -> dict[str, Path]:
    """Compile and package a recipe; return the files for the target, by their path there."""
    # What comes from the shared state is only unpacked for a task that is asked for.
    run(recipes, f"{recipe}:do_package", f"{recipe}:do_package_qa")
    folders = (recipes.workdir(recipe) / "packages-split").glob("*")
    return {
        f"/{path.relative_to(folder)}": path
        for folder in folders
        if folder.is_dir() and not folder.name.endswith(("-dbg", "-dev", "-src"))
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_recipes_parse(recipes: Recipes) -> None:
    run(recipes, "--parse-only")


def test_every_task_has_what_it_depends_on(recipes: Recipes) -> None:
    run(recipes, "--dry-run", "-c", "package_qa", *compiled())


@pytest.mark.parametrize("recipe", ["alsa-ucm-conf", "ffmpeg", "tinycompress"])
def test_the_source_is_the_release_that_the_recipe_names(recipes: Recipes, recipe: str) -> None:
    if instead := recipes.stand_ins.get(recipe):
        pytest.skip(f"not in the folder of clones; compiled in its place: {instead}")
    run(recipes, "-c", "fetch", recipe)


@pytest.mark.parametrize(
    ("recipe", "programs"),
    [
        ("tinycompress", [r"/usr/bin/cplay", r"/usr/bin/fcplay"]),
        ("virtual-adsp-module", [r"/usr/lib/modules/.+/virtual-adsp\.ko"]),
    ],
    ids=["tinycompress", "virtual-adsp-module"],
)
def test_a_recipe_compiles_and_is_packaged(recipes: Recipes, recipe: str, programs: list[str]) -> None:
    files = packaged(recipes, recipe)
    for program in programs:
        (path,) = [path for name, path in files.items() if re.fullmatch(program, name)]
        header = path.read_bytes()[:20]
        assert header[:4] == b"\x7fELF"
        assert int.from_bytes(header[18:20], "little") == EM_AARCH64


@pytest.mark.parametrize(
    ("recipe", "append", "wanted"),
    [
        ("pipewire", "", {"compress-offload": "enabled", "pw-cat-ffmpeg": "enabled", "gstreamer": "enabled"}),
        ("wireplumber", DEBIAN_PIPEWIRE, {"systemd-system-service": True}),
    ],
    ids=["pipewire", "wireplumber"],
)
def test_a_recipe_is_configured_for_offload(
    recipes: Recipes, recipe: str, append: str, wanted: dict[str, object]
) -> None:
    run(recipes, "-c", "configure", recipe, appends={recipe: append})
    introspection = recipes.workdir(recipe) / "build/meson-info/intro-buildoptions.json"
    options = {option["name"]: option["value"] for option in json.loads(introspection.read_text())}
    assert {name: options[name] for name in wanted} == wanted


STALE_PATCH = """\
Upstream-Status: Inappropriate [for tests]
--- a/Makefile.am
+++ b/Makefile.am
@@ -1 +1 @@
-no line of this file
+another line
"""


@dataclass(frozen=True)
class Fault:
    """A mistake in a recipe, and the words by which bitbake names it."""

    name: str
    recipe: str
    task: str
    append: str
    complaint: str
    files: dict[str, str] = field(default_factory=dict)


FAULTS = [
    Fault(
        "an option that meson does not know", "wireplumber", "configure",
        DEBIAN_PIPEWIRE + 'EXTRA_OEMESON:append = " -Dno-such-option=true"',
        r"Unknown option.*no-such-option",
    ),
    Fault(
        "lua is missing in DEPENDS", "wireplumber", "configure",
        DEBIAN_PIPEWIRE + 'DEPENDS:remove = "lua"',
        r"Could not find lua",
    ),
    Fault(
        "ffmpeg is missing in DEPENDS", "tinycompress", "compile",
        'DEPENDS:remove = "ffmpeg"',
        r"Package requirements \(libav\w+ .*were not met",
    ),
    Fault(
        "mpg123 is missing in DEPENDS", "virtual-adsp-dsp", "compile",
        # What an earlier run has compiled is compiled again.
        'DEPENDS:remove = "mpg123"\ndo_compile:prepend() {\n    oe_runmake clean\n}',
        r"mpg123\.h: No such file",
    ),
    Fault(
        "a file is in no package", "tinycompress", "package",
        "do_install:append() {\n    install -D -m 0644 /dev/null ${D}/opt/forgotten\n}",
        r"not shipped in any package:\s+/opt\s+/opt/forgotten",
    ),
    Fault(
        "a patch does not apply", "tinycompress", "patch",
        'FILESEXTRAPATHS:prepend := "${THISDIR}:"\nSRC_URI:append = " file://stale.patch"',
        r"stale\.patch[\s\S]*Hunk #1 FAILED",
        {"stale.patch": STALE_PATCH},
    ),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_in_a_recipe_is_caught(recipes: Recipes, fault: Fault) -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        recipes.bitbake(
            "-c", fault.task, fault.recipe, appends={fault.recipe: fault.append}, files=fault.files
        )
    # The task itself has failed, and for the reason that was put there.
    assert re.search(rf"{fault.recipe}-\S+ do_\w+: ", caught.value.stdout), caught.value.stdout
    assert re.search(fault.complaint, caught.value.stdout), caught.value.stdout


build_recipes = pytest.mark.skipif(
    "OFFLOAD_BUILD_RECIPES" not in os.environ, reason="takes a quarter of an hour: make build-recipes"
)


@build_recipes
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("recipe", compiled())
def test_every_recipe_of_the_layer_compiles_and_is_packaged(recipes: Recipes, recipe: str) -> None:
    assert packaged(recipes, recipe)


@build_recipes
def test_ffmpeg_takes_little_of_the_image(recipes: Recipes) -> None:
    files = packaged(recipes, "ffmpeg")
    libraries = [
        path for name, path in files.items() if name.startswith("/usr/lib/") and not path.is_symlink()
    ]
    assert {path.name.split(".")[0] for path in libraries} == {"libavcodec", "libavformat", "libavutil"}
    assert sum(path.stat().st_size for path in libraries) < 1_500_000
