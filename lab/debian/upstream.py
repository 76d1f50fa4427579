# SPDX-License-Identifier: MIT
"""Upstream releases taken by git where it reaches the project's host; a machine without is told so."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab.debian.buildroot import BuildError, Report
from lab.debian.cache import Cache

REACH_S = 20
"""Seconds that git may take to say whether the host is there."""
CLONE_S = 600
"""Seconds that a shallow clone may take."""


@dataclass(frozen=True)
class Release:
    """A tag of an upstream project, pinned by its commit."""

    name: str
    url: str
    tag: str
    commit: str
    version: str


# The tags of the recipes in the layer.
PIPEWIRE = Release(
    "pipewire",
    "https://gitlab.freedesktop.org/pipewire/pipewire.git",
    "1.6.8",
    "b741e0c74f5436f0c925f7741140db0efd32cf4e",
    "1.6.8",
)
TINYCOMPRESS = Release(
    "tinycompress",
    "https://github.com/alsa-project/tinycompress.git",
    "v1.2.13",
    "ea5c7245beb0b6aec1565cfae0454d6ba374dfdd",
    "1.2.13",
)


def checkout(release: Release, cache: Cache, report: Report) -> Path | None:
    """A folder with ``source/`` and ``version``, or None where git does not reach the host.

    Raises BuildError where the tag is not the commit that is pinned.
    """

    def clone(folder: Path) -> None:
        report(f"{release.name} {release.version} from git …")
        source = folder / "source"
        options = ("--quiet", "--depth=1", f"--branch={release.tag}")
        _git("clone", *options, release.url, str(source), limit=CLONE_S)
        commit = _git("-C", str(source), "rev-parse", "HEAD", limit=REACH_S).strip()
        if commit != release.commit:
            raise BuildError(f"{release.url}: tag {release.tag} is {commit}, not {release.commit} as pinned")
        shutil.rmtree(source / ".git")
        (folder / "version").write_text(release.version + "\n")

    key = {"url": release.url, "commit": release.commit}
    cached = cache.find(f"{release.name}-git", key)
    if cached is not None:
        return cached
    try:
        _git("ls-remote", "--exit-code", release.url, f"refs/tags/{release.tag}", limit=REACH_S)
    except (subprocess.SubprocessError, OSError):
        report(f"{release.name}: git does not reach {release.url}")
        return None
    try:
        return cache.entry(f"{release.name}-git", key, clone)
    except (subprocess.SubprocessError, OSError) as error:
        raise BuildError(f"cannot clone {release.url}: {error}") from error


def _git(*arguments: str, limit: int) -> str:
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0"}
    result = subprocess.run(
        ["git", *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=limit, check=True,
    )  # fmt: skip
    return result.stdout
