# SPDX-License-Identifier: MIT
"""bitbake on the layer's recipes, with Debian's arm64 compiler and packages in place of OE's.

What passes compiles and packages against Debian's toolchain. That Yocto builds it is not shown: OE's
compiler, C library and kernel are others, and no image is made.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from lab.debian.buildroot import STEPS, BuildRoot
from lab.debian.cache import Cache
from lab.debian.image import QuickImage
from lab.paths import BUILD, ROOT

HERE = Path(__file__).parent
TOOLCHAIN = HERE / "meta-debian-toolchain"
LAYER = ROOT / "meta-compress-offload"
KAS = "kas/virtual.yml:tests/layer/kas/debian-toolchain.yml"
# Where the clones are seen in the root, wherever they are outside.
CLONES = "/clones"

PACKAGES = (
    # what bitbake and oe-core want of a host
    "gcc", "g++", "libc6-dev", "make", "git", "chrpath", "cpio", "diffstat", "file", "gawk", "locales", "lz4",
    "rpcsvc-proto", "texinfo", "wget", "xz-utils", "zstd", "bzip2", "unzip", "hostname", "python3", "patch",
    "ca-certificates",
    # the cross compiler
    "gcc-aarch64-linux-gnu", "g++-aarch64-linux-gnu",
    # in place of native recipes
    "meson", "ninja-build", "pkgconf", "gettext", "autopoint", "autoconf", "automake", "libtool", "bc",
    "bison", "flex", "kmod", "device-tree-compiler", "libglib2.0-dev-bin", "quilt", "rpm", "libdw-dev",
    "rsync",
)  # fmt: skip


def compiled() -> list[str]:
    """The recipes that the layer has or changes; not kernel, images, package groups: they want all of OE."""
    found = {
        path.stem.partition("_")[0]
        for path in LAYER.glob("recipes-*/*/*.bb*")
        if path.parent.name not in ("linux", "images", "packagegroups")
    }
    return sorted(found)


def checkout(clones: Path | None, work: Path) -> None:
    """Let kas fill *work* with the layers, from *clones* or else the network, and bitbake's configuration.

    Raises RuntimeError with what kas says where it fails.
    """
    work.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"KAS_WORK_DIR": str(work), "KAS_CLONE_DEPTH": "1"}
    if clones:
        configuration = work / "gitconfig"
        configuration.write_text("[safe]\n\tdirectory = *\n")
        environment["GITCONFIG_FILE"] = str(configuration)
        environment["KAS_PREMIRRORS"] = rf"https?://.*/([^/]+?)(\.git)?$ file://{clones}/\1"
    kas = [sys.executable, "-m", "kas", "checkout", KAS]
    result = subprocess.run(kas, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(result.stdout + result.stderr)


class Recipes:
    """A build folder for bitbake, and the root in which it runs."""

    def __init__(self, work: Path, clones: Path | None) -> None:
        """*work* is where ``checkout`` has been; sources come from *clones*, else from the network."""
        self.work = work
        self.build = work / "build"
        self.layers = self.build / "layers"
        self.clones = sorted(path for path in clones.iterdir() if path.is_dir()) if clones else []
        cache = Cache(BUILD / "cache")
        self.root = BuildRoot(cache, BUILD / "logs", print, packages=PACKAGES, steps=HERE / "steps")

        table = HERE / "providers.txt"
        rows = [row for row in table.read_text().splitlines() if not row.startswith("#")]
        packages = " ".join(row.partition(":")[2].strip() for row in rows)
        self.fetch = STEPS / "fetch.sh"
        debs = self.root.step(
            "debs", {"fetch": self.fetch}, {"PACKAGES": packages},
            title="Debian's arm64 packages in place of recipes", network=True,
        )  # fmt: skip
        self.providers = self.root.step(
            "providers", {"program": HERE / "steps/providers.py", "debs": debs, "table": table},
            title="recipes of Debian's arm64 packages",
        )  # fmt: skip
        self.locale = self.root.step("locale", title="locale for bitbake")
        self.kernel = QuickImage(BUILD, print).kernel()

        self.stand_ins: dict[str, str] = {}
        """By recipe, what is compiled where *clones* do not have its source, in words."""
        self._appends: dict[str, str] = {}
        settings = {
            "DEBIAN_TOOLCHAIN": str(TOOLCHAIN),
            "DEBIAN_PROVIDERS": str(self.providers),
            "DEBIAN_KERNEL": str(self.kernel),
        }
        if clones:
            settings |= {
                "PREMIRRORS": " ".join(
                    f"git://.*/.*/{clone.name}.git git://{CLONES}/{clone.name};protocol=file"
                    for clone in self.clones
                ),
                "MIRRORS": "", "SSTATE_MIRRORS": "", "BB_NO_NETWORK": "1",
            }  # fmt: skip
            settings |= self._stand_in(clones)
        lines = [f'{name} = "{value}"\n' for name, value in settings.items()]
        (self.build / "conf/site.conf").write_text("".join(lines))

    def _stand_in(self, clones: Path) -> dict[str, str]:
        """For releases that are tarballs, or newer than the clone: choose a stand-in, return settings."""
        source = self.root.step(
            "ffmpeg-source", {"fetch": self.fetch}, title="FFmpeg's source from Debian", network=True
        )
        tarball = next(source.glob("ffmpeg_*.orig.tar.xz"))
        version = tarball.name.removeprefix("ffmpeg_").removesuffix(".orig.tar.xz")
        self.stand_ins["ffmpeg"] = f"FFmpeg {version}, Debian's"
        self._appends["ffmpeg"] = f'SRC_URI = "file://{tarball}"\nS = "${{UNPACKDIR}}/ffmpeg-{version}"\n'

        recipe = next(self.layers.glob("openembedded-core/meta/recipes-multimedia/alsa/alsa-ucm-conf_*.bb"))
        tag = f"v{recipe.stem.partition('_')[2]}"
        self.stand_ins["alsa-ucm-conf"] = f"the tag {tag} from git"
        self._appends["alsa-ucm-conf"] = (
            'SRC_URI:remove = "https://www.alsa-project.org/files/pub/lib/${BP}.tar.bz2"\n'
            'SRC_URI:prepend = "git://github.com/alsa-project/alsa-ucm-conf.git;protocol=https;nobranch=1 "\n'
            f'SRCREV = "{_git(clones / "alsa-ucm-conf", "rev-parse", tag + "^{commit}")}"\n'
        )

        ours = next(LAYER.glob("recipes-multimedia/tinycompress/tinycompress_*.bb"))
        revision = re.findall(r'^SRCREV = "(\w+)"', ours.read_text(), re.MULTILINE)[0]
        if _git(clones / "tinycompress", "cat-file", "-t", revision) == "commit":
            return {}
        theirs = next(self.layers.glob("meta-openembedded/meta-multimedia/**/tinycompress_*.bb"))
        version = theirs.stem.partition("_")[2]
        self.stand_ins["tinycompress"] = f"meta-multimedia's recipe for {version}, with our bbappend"
        return {"PREFERRED_VERSION_tinycompress": version}

    def workdir(self, recipe: str) -> Path:
        """The work folder of a recipe that has been built, with ``packages-split`` and ``temp`` in it."""
        folders = list(self.build.glob(f"tmp/work/*/{recipe}/*/temp"))
        return max(folders, key=lambda path: path.stat().st_mtime).parent

    def bitbake(
        self,
        *arguments: str,
        appends: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
    ) -> str:
        """Run bitbake with *arguments* and return what it said.

        *appends* are bbappends by recipe, *files* lie beside them by name; both are there for this run only.
        Raises subprocess.CalledProcessError with that text as ``stdout`` where bitbake fails.
        """
        injected = self.build / "injected"
        shutil.rmtree(injected, ignore_errors=True)
        injected.mkdir()
        for append in (self._appends, appends or {}):
            for recipe, text in append.items():
                with (injected / f"{recipe}_%.bbappend").open("a") as stream:
                    stream.write(text + "\n")
        for name, text in (files or {}).items():
            (injected / name).write_text(text)
        # A compiler that was killed leaves half an object, which make takes for a whole one.
        running = self.build / "running"
        if running.exists():
            shutil.rmtree(self.build / "tmp", ignore_errors=True)
        running.touch()
        result = subprocess.run(
            [*self._root(), "bitbake", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        running.unlink()
        result.check_returncode()
        return result.stdout

    def _root(self) -> list[str | os.PathLike[str]]:
        """The command that enters the root, with bitbake's environment."""
        root, cache = self.root.path, self.root.cache.root.resolve()
        command: list[str | os.PathLike[str]] = [
            # bitbake refuses root, so in here it is somebody else, whoever calls.
            "nice", "bwrap", "--unshare-user", "--uid", "1000", "--gid", "1000", "--unshare-pid",
            "--unshare-ipc", "--die-with-parent", "--tmpfs", "/", "--dev", "/dev", "--proc", "/proc",
            "--tmpfs", "/tmp",
            *(word for name in ("usr", "etc", "var") for word in ("--ro-bind", root / name, f"/{name}")),
            *(word for name in ("bin", "lib", "lib64") for word in ("--symlink", f"usr/{name}", f"/{name}")),
            "--ro-bind", self.locale, "/usr/lib/locale", "--ro-bind", ROOT, ROOT, "--ro-bind", cache, cache,
            "--bind", self.work, self.work, "--chdir", self.build, "--clearenv",
        ]  # fmt: skip
        if self.clones:
            command += ["--unshare-net"]
            for clone in self.clones:
                command += ["--ro-bind", clone.resolve(), f"{CLONES}/{clone.name}"]
        else:
            resolver = Path("/etc/resolv.conf").resolve()
            command += ["--ro-bind-try", resolver, resolver]
        tools = [self.layers / "openembedded-core/scripts", self.layers / "bitbake/bin"]
        environment = {
            "PATH": ":".join([*map(str, tools), "/usr/sbin:/usr/bin:/sbin:/bin"]),
            "BUILDDIR": str(self.build), "HOME": "/tmp", "USER": "builder", "LC_ALL": "C.UTF-8",
            # Else the order of sets differs from call to call, and everything is parsed again.
            "PYTHONHASHSEED": "0",
        }  # fmt: skip
        for name, value in environment.items():
            command += ["--setenv", name, value]
        # The clones belong to somebody else in here.
        script = r'printf "[safe]\n directory = *\n" > ~/.gitconfig && exec "$@"'
        return [*command, "sh", "-c", script, "enter"]


def _git(clone: Path, *arguments: str) -> str:
    command = ["git", "-c", "safe.directory=*", "-C", str(clone), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
