# SPDX-License-Identifier: MIT
"""What went into an image, for its manifest: a bill of materials by package URL, with digests and patches.

Package URLs, types ``deb`` and ``generic``: https://github.com/package-url/purl-spec.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from lab.debian.cache import digest_tree
from lab.debian.upstream import Release

#: By the name of a package or source: ``version``, ``purl``, ``sha256`` or ``commit``, ``patches`` by name.
Parts = dict[str, dict[str, Any]]


def downloaded(entries: Iterable[Path]) -> Parts:
    """What the steps wrote into packages.sha256: packages of Debian, and upstream tarballs as it has them.

    Raises ValueError for a file whose name is neither's.
    """
    found: Parts = {}
    for entry in entries:
        listing = entry / "packages.sha256"
        for line in listing.read_text().splitlines() if listing.exists() else ():
            digest, path = line.split()
            file = Path(path).name
            if file.endswith(".deb"):
                name, version, architecture = unquote(file).removesuffix(".deb").split("_")
            elif ".orig.tar." in file:
                name, version = file[: file.index(".orig.tar.")].split("_")
                architecture = "source"
            else:
                raise ValueError(f"{listing}: {file} is neither a package nor a tarball")
            purl = f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch={architecture}"
            found[name] = {"version": version, "purl": purl, "sha256": digest}
    return found


def cloned(release: Release) -> Parts:
    """A release that git fetched."""
    purl = f"pkg:generic/{release.name}@{release.version}?vcs_url={quote(f'git+{release.url}', safe='')}"
    return {release.name: {"version": release.version, "purl": purl, "commit": release.commit}}


def own(name: str, entry: Path) -> Parts:
    """What was built from this checkout; *entry* is what came of it."""
    return {name: {"version": "this checkout", "sha256": digest_tree(entry)}}


def patches(folder: Path, version: str | None = None) -> dict[str, str]:
    """The SHA-256 of each patch in *folder*: of the series for *version*, in its order, or of them all."""
    if version is None:
        names = sorted(path.name for path in folder.glob("*.patch"))
    else:
        lines = (folder / version / "series").read_text().splitlines()
        names = [name for line in lines if (name := line.partition("#")[0].strip())]
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
