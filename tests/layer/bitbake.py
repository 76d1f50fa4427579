# SPDX-License-Identifier: MIT
"""BitBake over the layers that kas checks out, run by an ordinary user, since it refuses root."""

import os
import pwd
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lab.paths import BUILD

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "meta-compress-offload"
NEEDED = ("bitbake", "openembedded-core", "meta-openembedded", "meta-qcom")
#: What BitBake calls at least (HOSTTOOLS), by the Debian package that has it.
TOOLS = {
    "chrpath": "chrpath", "cpio": "cpio", "diffstat": "diffstat", "file": "file", "g++": "g++",
    "gawk": "gawk", "lz4c": "lz4", "quilt": "quilt", "rpcgen": "rpcsvc-proto", "wget": "wget", "zstd": "zstd",
}  # fmt: skip
LOCALE = "en_US.utf8"
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
#: Folder of everything these tests check out and parse; BitBake's caches in it make the second run quick.
FOLDER = BUILD / "layer-tests"
#: kas files that come last: no network, and of meta-openembedded only what the layer has to do with.
OFFLINE = "tests/layer/kas/offline.yml"
ALL_RECIPES = os.environ.get("OFFLOAD_ALL_RECIPES") == "1"
FEW = () if ALL_RECIPES else ("tests/layer/kas/few-recipes.yml",)


def why_not() -> str | None:
    """Why BitBake cannot run here, and what to do about it; None where it can."""
    clones = os.environ.get("OFFLOAD_CLONES")
    if clones is None:
        return (
            f"needs the upstream layers: set OFFLOAD_CLONES to a folder with clones of {', '.join(NEEDED)}, "
            "or to 'network' to let kas fetch them"
        )
    if missing := [name for name in NEEDED if not has_clone(name)]:
        return f"OFFLOAD_CLONES={clones} lacks clones of {', '.join(missing)}"
    if missing := [package for tool, package in TOOLS.items() if shutil.which(tool, path=PATH) is None]:
        return f"needs Debian packages: apt-get install {' '.join(missing)}"
    known = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=True).stdout.split()
    if LOCALE not in known:
        return (
            "needs the locale en_US.UTF-8: apt-get install locales, localedef -i en_US -f UTF-8 en_US.UTF-8"
        )
    return None


def has_clone(name: str) -> bool:
    """Whether a source can be had: from the folder of clones, or else from the network."""
    clones = os.environ.get("OFFLOAD_CLONES", "")
    return clones == "network" or (Path(clones) / name).exists()


@dataclass(frozen=True)
class User:
    """Who runs BitBake: we, or `nobody` where we are root."""

    name: str
    prefix: tuple[str, ...]

    @classmethod
    def ordinary(cls) -> "User":
        if os.getuid() != 0:
            return cls(pwd.getpwuid(os.getuid()).pw_name, ())
        drop = ("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--")
        return cls("nobody", drop)

    def own(self, folder: Path) -> None:
        if self.prefix:
            subprocess.run(["chown", "-R", f"{self.name}:nogroup", str(folder)], check=True)


@dataclass(frozen=True)
class Build:
    """A build folder that kas has configured."""

    folder: Path
    user: User

    def environment(self, **variables: str) -> dict[str, str]:
        """What BitBake and its tools want to find; *variables* reach the recipes."""
        layers = FOLDER / "build/layers"
        variables = {
            # Else the order of a set differs between runs, and everything is parsed again.
            "PYTHONHASHSEED": "0",
            "OFFLOAD_CLONES": str(FOLDER / "clones"),
            "COMPRESS_OFFLOAD_SSH_KEY": "ssh-ed25519 AAAA test",
            **variables,
        }
        return {
            "HOME": str(FOLDER / "home"),
            "USER": self.user.name,
            "LANG": "en_US.UTF-8",
            "TERM": "dumb",
            "PATH": f"{layers}/bitbake/bin:{layers}/openembedded-core/scripts:{PATH}",
            "BBPATH": str(self.folder),
            "BUILDDIR": str(self.folder),
            # From one command to the next the server stays.
            "BB_SERVER_TIMEOUT": "10",
            "BB_ENV_PASSTHROUGH_ADDITIONS": " ".join(variables),
            **variables,
        }

    def run(self, *command: str, limit: float = 3000, **variables: str) -> subprocess.CompletedProcess[str]:
        """A command in BitBake's environment; what it says on standard error comes with its output."""
        return subprocess.run(
            [*self.user.prefix, *command],
            cwd=self.folder,
            env=self.environment(**variables),
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit,
        )

    def source(self, name: str) -> Path | None:
        """A copy of the clone of a source, which BitBake's user may read; None where there is no clone."""
        clone, copy = Path(os.environ["OFFLOAD_CLONES"]) / name, FOLDER / "clones" / name
        if not clone.exists():
            return None
        if not copy.exists():
            command = ["git", "-c", "safe.directory=*", "clone", "--quiet", "--mirror", "--no-hardlinks"]
            subprocess.run([*command, str(clone), str(copy)], check=True)
            self.user.own(copy)
        return copy

    def bitbake(self, *arguments: str, **variables: str) -> str:
        """BitBake's output. Fails the test where BitBake fails."""
        result = self.run("bitbake", *arguments, **variables)
        assert result.returncode == 0, f"bitbake {' '.join(arguments)}:\n{result.stdout[-4000:]}"
        return result.stdout

    def refused(self, *arguments: str, **variables: str) -> str:
        """BitBake's output where it must fail, with a message and not with a stack trace."""
        result = self.run("bitbake", *arguments, **variables)
        assert result.returncode != 0, result.stdout[-4000:]
        assert "Traceback" not in result.stdout, result.stdout[-4000:]
        return result.stdout

    def variables(self, recipe: str, *options: str) -> dict[str, str]:
        """What `bitbake -e` shows, by name."""
        shown = self.bitbake("-e", *options, recipe)
        return dict(re.findall(r'^(?:export )?([\w:.+${}-]+)="(.*)"$', shown, re.MULTILINE))


def configure(name: str, *files: str, machine: str | None = None) -> Build:
    """A build folder *name* as kas makes it of *files*, with layers that all build folders share."""
    user = User.ordinary()
    folder = FOLDER / name
    for part in (folder, FOLDER / "home"):
        part.mkdir(parents=True, exist_ok=True)
    (FOLDER / "home/.gitconfig").write_text('[safe]\n\tdirectory = *\n[protocol "file"]\n\tallow = always\n')
    clones = os.environ["OFFLOAD_CLONES"]
    environment = os.environ | {
        "KAS_WORK_DIR": str(FOLDER),
        "KAS_BUILD_DIR": str(folder),
        "KAS_CLONE_DEPTH": "1",
    }
    environment["GITCONFIG_FILE"] = str(FOLDER / "home/.gitconfig")
    if clones != "network":
        environment["KAS_PREMIRRORS"] = rf"https?://.*/([^/]+?)(\.git)?$ file://{clones}/\1"
    if machine:
        environment["KAS_MACHINE"] = machine
    result = subprocess.run(
        [sys.executable, "-m", "kas", "checkout", ":".join(files)],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    user.own(FOLDER)
    return Build(folder, user)
