# SPDX-License-Identifier: MIT
"""`make layer-figures`: what the layer costs, measured here: time to parse, and the size of its packages.

It prints the tables of docs/yocto.md. The packages are those of `make build-recipes`, which comes first where
it has not been called.
"""

import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import bitbake
from recipes import LAYER, Recipes, checkout, compiled

from lab.paths import BUILD

ABSENT = ("tests/layer/kas/feature-off.yml", "tests/layer/kas/layer-absent.yml")
ROUNDS = 5
PACKAGE_GROUP = "packagegroup-compress-offload"
PACKAGE_GROUPS = LAYER / f"recipes-core/packagegroups/{PACKAGE_GROUP}.bb"
# As oe-core has it, but for what needs libraries that Debian's are not listed for.
WHOLE_FFMPEG = """\
COMPRESS_OFFLOAD_TRIM_FFMPEG = "0"
PACKAGECONFIG:remove = "alsa bzlib lzma theora xcb xv zlib"
"""


def parse_seconds(build: bitbake.Build) -> float:
    """Time of a parse that finds everything in BitBake's caches, by a server that starts for it."""
    build.run("bitbake", "--kill-server")
    start = time.monotonic()
    build.bitbake("-p")
    return time.monotonic() - start


def parse_table() -> str:
    """Warm parses without our layer and with it, in turns, in the build folders of the tests."""

    def configure(name: str, *files: str) -> bitbake.Build:
        last = (bitbake.OFFLINE, *bitbake.FEW)
        return bitbake.configure(name, "kas/virtual.yml", *files, *last, machine="qemuarm64")

    builds = {
        "without the layer": configure("layer-absent", *ABSENT),
        "with it, feature on": configure("qemuarm64"),
    }
    for build in builds.values():
        build.bitbake("-p")
    taken: dict[str, list[float]] = {name: [] for name in builds}
    for _ in range(ROUNDS):
        for name, build in builds.items():
            taken[name].append(parse_seconds(build))
    rows = [
        f"| {name} | {statistics.median(times):.1f} s | {min(times):.1f} to {max(times):.1f} s |"
        for name, times in taken.items()
    ]
    before, after = (statistics.median(times) for times in taken.values())
    rows.append(f"| difference, ratio | {after - before:+.1f} s | {after / before:.2f} |")
    return "\n".join([f"| warm parse | median of {ROUNDS} | range |", "|---|---|---|", *rows])


class Packages:
    """What BitBake knows of the packages that it has made (pkgdata)."""

    def __init__(self, recipes: Recipes) -> None:
        (self.folder,) = recipes.build.glob("tmp/pkgdata/*/runtime")
        # What is empty has no such mark.
        self.names = sorted(path.stem for path in self.folder.glob("*.packaged"))
        self.owner: dict[str, str] = {}
        """By the name in a package's dependencies: the package, before Debian's renaming."""
        for package in self.names:
            for name in (package, *self.values(package, "PKG"), *self.values(package, "RPROVIDES")):
                self.owner[name] = package

    def values(self, package: str, name: str) -> list[str]:
        """The words of a variable of a package, without versions."""
        text = (self.folder / package).read_text()
        found = re.search(rf"^{name}(?::{re.escape(package)})?: (.*)$", text, re.MULTILINE)
        return re.sub(r"\([^)]*\)", "", found[1]).split() if found else []

    def size(self, package: str) -> int:
        """Bytes of its files; not what they take on a disk."""
        return int(self.values(package, "PKGSIZE")[0])

    def recipe(self, package: str) -> str:
        return self.values(package, "PN")[0]

    def closure(self, names: Iterable[str]) -> list[str]:
        """The packages of these names, and those that they depend on, as far as they have been made."""
        found: list[str] = []
        todo = list(names)
        while todo:
            package = self.owner.get(todo.pop())
            if package and package not in found:
                found.append(package)
                todo += self.values(package, "RDEPENDS") + self.values(package, "RRECOMMENDS")
        return sorted(found)


def package_table(recipes: Recipes) -> str:
    """What our package groups bring into an image, of the recipes that the layer has or changes."""
    packages = Packages(recipes)
    # Of the file: as a target it would want all of OE-Core.
    shown = recipes.bitbake("-e", "-b", str(PACKAGE_GROUPS))
    ours = set(compiled())
    rows, seen = [], set[str]()
    for group in ("", "-tools", "-tests"):
        wanted = re.search(rf'^RDEPENDS:{PACKAGE_GROUP}{group}="(.*)"$', shown, re.MULTILINE)
        assert wanted, f"no RDEPENDS of {PACKAGE_GROUP}{group}"
        sizes: dict[str, tuple[int, int]] = {}
        for package in packages.closure(wanted[1].split()):
            recipe = packages.recipe(package)
            if recipe in ours and package not in seen:
                seen.add(package)
                count, size = sizes.get(recipe, (0, 0))
                sizes[recipe] = (count + 1, size + packages.size(package))
        rows += [
            f"| `{PACKAGE_GROUP}{group}` | {recipe} | {count} | {size / 1000:,.0f} kB |"
            for recipe, (count, size) in sorted(sizes.items())
        ]
        rows.append(f"| | sum | | {sum(size for _, size in sizes.values()) / 1000:,.0f} kB |")
    return "\n".join(["| package group | recipe | packages | size |", "|---|---|---|---|", *rows])


def libraries(recipes: Recipes) -> dict[str, int]:
    """Bytes of each of FFmpeg's packages with libraries."""
    packages = Packages(recipes)
    return {
        name: packages.size(name)
        for name in packages.names
        if packages.recipe(name) == "ffmpeg" and re.fullmatch(r"lib[a-z]+", name)
    }


def ffmpeg_table(recipes: Recipes) -> str:
    """FFmpeg's libraries as oe-core configures it, and trimmed."""
    recipes.bitbake("ffmpeg:do_packagedata", appends={"ffmpeg": WHOLE_FFMPEG})
    whole = libraries(recipes)
    recipes.bitbake("ffmpeg:do_packagedata")
    trimmed = libraries(recipes)
    rows = [
        f"| {name} | {size / 1000:,.0f} kB | {trimmed.get(name, 0) / 1000:,.0f} kB |"
        for name, size in whole.items()
    ]
    rows.append(f"| sum | {sum(whole.values()) / 1000:,.0f} kB | {sum(trimmed.values()) / 1000:,.0f} kB |")
    return "\n".join(["| FFmpeg's package | whole | trimmed |", "|---|---|---|", *rows])


def main() -> int:
    """Print the tables; 2 where BitBake cannot run here."""
    if reason := bitbake.why_not():
        print(f"layer-figures: {reason}", file=sys.stderr)
        return 2
    print(parse_table(), flush=True)
    folder = os.environ["OFFLOAD_CLONES"]
    clones = None if folder == "network" else Path(folder).absolute()
    work = BUILD.absolute() / "recipes"
    try:
        checkout(clones, work)
        recipes = Recipes(work, clones)
        recipes.bitbake("-c", "packagedata", *compiled())
        print("", package_table(recipes), "", ffmpeg_table(recipes), sep="\n")
    except subprocess.CalledProcessError as error:
        print(error.stdout[-4000:], file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
