# SPDX-License-Identifier: MIT
"""Make recipes of Debian's arm64 packages: folders to install, and a recipe for each line of the table.

A development package's headers, .pc files and .so names come into a sysroot with its recipe alone, so a
recipe that uses a library without naming it in DEPENDS fails. The shared libraries themselves are all in one
recipe, which every recipe has as its C library: a linker wants them whether DEPENDS names them or not.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

MULTIARCH = "aarch64-linux-gnu"
# Comes with the compiler.
TOOLCHAIN = re.compile(r"lib(c6|crypt|gcc-\d+|stdc\+\+-\d+)-dev|linux-libc-dev")

RECIPE = """\
SUMMARY = "{packages} from Debian"
require recipes/debian-provider.inc
inherit nopackages
PROVIDES += "{provides}"
DEPENDS = "{depends}"
DIGEST = "{digest}"
"""


def run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def copy(package: Path, tree: Path) -> None:
    """Add what a compiler wants of an unpacked package to *tree*, without Debian's multiarch folders."""
    for part in ("usr/include", "usr/lib", "usr/share/pkgconfig", "usr/share/dbus-1"):
        for source in (package / part, package / part / MULTIARCH):
            if source.is_dir():
                ignore = shutil.ignore_patterns(MULTIARCH, "*.a")
                shutil.copytree(source, tree / part, symlinks=True, dirs_exist_ok=True, ignore=ignore)


def dynamic(library: Path, tag: str) -> list[str]:
    """The values of a tag (SONAME, NEEDED) of the library's dynamic section."""
    return re.findall(rf"\({tag}\).*\[(.*)\]", run("readelf", "-dW", library))


def digest(tree: Path) -> str:
    """What bitbake is to take the folder by, wherever it is."""
    total = hashlib.sha256()
    for path in sorted(tree.rglob("*")):
        content = (
            bytes(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        )
        total.update(f"{path.relative_to(tree)}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def main(debs: Path, table: Path, out: Path) -> None:
    recipes: dict[str, tuple[str, list[str]]] = {}  # recipe -> what it provides, packages
    for line in table.read_text().splitlines():
        if not line.startswith("#"):
            names, packages = (part.split() for part in line.split(":"))
            recipes[names[0]] = (" ".join(names[1:]), packages)
    owner = {name: recipe for recipe, (_, packages) in recipes.items() for name in packages}

    depends: dict[str, set[str]] = {}
    libraries = Path("runtime")
    for deb in sorted(debs.glob("*.deb")):
        name, relations = run("dpkg-deb", "-f", deb, "Package", "Depends").partition("\n")[::2]
        name = name.partition(": ")[2]
        folder = libraries
        if name.endswith("-dev") and not TOOLCHAIN.fullmatch(name) and not name.startswith("gir1.2-"):
            depends[name] = set(re.findall(r"[a-z0-9][a-z0-9.+-]+-dev(?![\w-])", relations))
            if name not in owner:
                owner[name] = name
                recipes[name] = ("", [name])
        if name in owner:
            folder = Path(name)
        folder.mkdir(exist_ok=True)
        run("dpkg-deb", "-x", deb, folder)

    found = {path.name: path for path in sorted(libraries.rglob("*.so*")) if path.exists()}
    wanted = ["libc.so.6", "libm.so.6", "libgcc_s.so.1", "libstdc++.so.6"]
    (out / "recipes").mkdir()
    for recipe, (provides, packages) in recipes.items():
        needs = {owner[need] for name in packages for need in depends.get(name, ()) if need in owner}
        needs.discard(recipe)
        tree = out / recipe
        tree.mkdir()
        for name in packages:
            copy(Path(name), tree)
        for path in sorted(tree.rglob("*")):
            if path.is_symlink() and path.suffix == ".so" and not path.exists():
                target = found.get(os.path.basename(path.readlink()))  # noqa: PTH119
                path.unlink()
                if target:  # else another architecture's
                    soname = dynamic(target, "SONAME")[0]
                    wanted.append(soname)
                    path.symlink_to(soname)
            elif path.suffix == ".pc" and not path.is_symlink():
                path.write_text(path.read_text().replace(f"/{MULTIARCH}", ""))

        text = RECIPE.format(
            packages=" ".join(packages),
            provides=provides,
            depends=" ".join(sorted(needs)),
            digest=digest(tree),
        )
        (out / f"recipes/{recipe}.bb").write_text(text)

    folder = out / "debian-runtime/usr/lib"
    folder.mkdir(parents=True)
    while wanted:
        soname = wanted.pop()
        if not (folder / soname).exists():
            shutil.copy(found[soname], folder / soname)
            wanted += dynamic(found[soname], "NEEDED")
    (out / "recipes/debian-runtime.inc").write_text(f'DIGEST = "{digest(out / "debian-runtime")}"\n')


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
