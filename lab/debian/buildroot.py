# SPDX-License-Identifier: MIT
"""The one root in which everything is compiled: Debian trixie with its arm64 cross compiler.

A Debian 12 and a Debian 13 host then make the same files. The root is made by mmdebstrap and entered by
bubblewrap, which needs no privilege beyond unprivileged user namespaces.
"""

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from lab.debian.cache import Cache, digest_tree

SUITE = "trixie"
STEPS = Path(__file__).parent / "steps"

PACKAGES = (
    # compilers, native (the DSP model's unit tests) and cross
    "gcc", "g++", "libc6-dev", "gcc-aarch64-linux-gnu", "g++-aarch64-linux-gnu", "libc6-dev:arm64",
    # build systems and what the packages' own build scripts call
    "meson", "ninja-build", "make", "pkgconf", "pkgconf:arm64", "gettext", "patch", "python3", "bc",
    "autoconf", "automake", "libtool", "libglib2.0-dev-bin",
    # accounts, keys, unpacking, kernel modules, device tree, file system
    "systemd-standalone-sysusers", "openssh-client", "bzip2", "xz-utils", "dpkg-dev", "cpio", "kmod",
    "device-tree-compiler", "e2fsprogs", "libarchive13t64",
    # libraries of the programs built here
    "libasound2-dev:arm64", "libudev-dev:arm64", "libsystemd-dev:arm64", "libsndfile1-dev:arm64",
    "libmpg123-dev:arm64", "libflac-dev:arm64", "libmpg123-dev", "libflac-dev",
    "systemd-dev", "libncurses-dev:arm64", "ca-certificates",
)  # fmt: skip

Report = Callable[[str], None]


class BuildError(Exception):
    """A step failed; the message is one sentence and names the log."""


def mmdebstrap(arguments: Iterable[str], log: Path) -> None:
    """Run mmdebstrap with the host's apt configuration. Raises BuildError with the log's last line."""
    with log.open("a") as output:
        command = ["mmdebstrap", *arguments]
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
    if result.returncode:
        raise BuildError(f"mmdebstrap failed ({_last_line(log)}); log: {log}")


class BuildRoot:
    """Runs the shell scripts of a folder inside the root, and keeps their results in the cache."""

    def __init__(
        self,
        cache: Cache,
        logs: Path,
        report: Report,
        *,
        packages: tuple[str, ...] = PACKAGES,
        steps: Path = STEPS,
    ) -> None:
        self.packages = packages
        self.steps = steps
        self.cache = cache
        self.logs = logs
        self.report = report
        logs.mkdir(parents=True, exist_ok=True)
        self._root: Path | None = None

    @property
    def path(self) -> Path:
        """The root's folder, made on first use."""
        if self._root is None:
            key = {"suite": SUITE, "packages": self.packages}
            self._root = self.cache.entry("buildroot", key, self._make)
        return self._root

    def _make(self, folder: Path) -> None:
        started = self._begin("build root: Debian trixie and its cross compilers")
        log = self._log("buildroot")
        archive = folder / "root.tar"
        mmdebstrap(
            [
                "--variant=apt", "--architectures=amd64,arm64", f"--include={','.join(self.packages)}",
                # Sources are fetched by apt from wherever the binary packages come.
                "--customize-hook=sed -n 's/^deb /deb-src /p' \"$1/etc/apt/sources.list\""
                " > \"$1/etc/apt/sources.list.d/sources.list\"",
                '--customize-hook=chroot "$1" apt-get update',
                '--customize-hook=mkdir "$1/in" "$1/out" "$1/work"',
                "--skip=cleanup/apt",
                SUITE, str(archive),
            ],
            log,
        )  # fmt: skip
        _run_logged(["tar", "-C", folder, "--no-same-owner", "--exclude=./dev/*", "-xf", archive], log)
        archive.unlink()
        self._done("build root", started)

    def step(
        self,
        name: str,
        inputs: Mapping[str, Path] | None = None,
        variables: Mapping[str, str] | None = None,
        *,
        title: str,
        script: str | None = None,
        network: bool = False,
    ) -> Path:
        """Run ``SCRIPT.sh`` (default: *name*) of *steps* in the root; return the folder that it filled.

        The script sees each of *inputs* read-only at ``/in/KEY``, *variables* in its environment, an empty
        ``/work`` to build in and ``/out`` for its results. Raises BuildError where it fails.
        """
        inputs, variables = inputs or {}, variables or {}
        source = self.steps / f"{script or name}.sh"
        key = {
            # The packages, not the folder, so that a root made again does not make everything again.
            "root": hashlib.sha256(repr((SUITE, self.packages)).encode()).hexdigest(),
            "script": digest_tree(source),
            "inputs": {label: self._digest(path) for label, path in inputs.items()},
            "variables": dict(variables),
        }

        def build(out: Path) -> None:
            root = self.path
            started = self._begin(title)
            log = self._log(name)
            # Beside the cache and not in /tmp, which may be a small tmpfs.
            work = out.with_name(f"{out.name}.work")
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            command: list[str | Path] = [
                "bwrap", "--unshare-user", "--uid", "0", "--gid", "0", "--unshare-pid", "--unshare-ipc",
                "--die-with-parent", "--ro-bind", root, "/", "--dev", "/dev", "--proc", "/proc",
                "--tmpfs", "/tmp", "--tmpfs", "/in", "--bind", out, "/out", "--bind", work, "/work",
            ]  # fmt: skip
            if network:
                resolver = Path("/etc/resolv.conf").resolve()
                command += ["--ro-bind-try", resolver, "/etc/resolv.conf"]
                for configuration in Path("/etc/apt/apt.conf.d").glob("*proxy*"):
                    command += ["--ro-bind-try", configuration, configuration]
            else:
                command += ["--unshare-net"]
            for label, path in inputs.items():
                command += ["--ro-bind", path.resolve(), f"/in/{label}"]
            for label, value in variables.items():
                command += ["--setenv", label, value]
            command += ["--ro-bind", source, "/tmp/step.sh", "--chdir", "/work"]
            command += ["--setenv", "HOME", "/tmp", "--setenv", "LC_ALL", "C.UTF-8"]
            command += ["--setenv", "JOBS", str(os.cpu_count() or 1)]
            try:
                _run_logged([*command, "sh", "-eux", "/tmp/step.sh"], log)
            except BuildError as error:
                raise BuildError(f"{title}: {error}") from None
            finally:
                shutil.rmtree(work, ignore_errors=True)
            self._done(title, started)

        return self.cache.entry(name, key, build)

    def _digest(self, path: Path) -> str:
        """An entry of the cache is named by its content already; anything else is read."""
        entry = path.resolve()
        while entry.parent != entry and entry.parent != self.cache.root.resolve():
            entry = entry.parent
        if entry.parent == self.cache.root.resolve():
            return path.resolve().relative_to(self.cache.root.resolve()).as_posix()
        return digest_tree(path)

    def _log(self, name: str) -> Path:
        log = self.logs / f"{name}.log"
        log.write_text("")
        return log

    def _begin(self, title: str) -> float:
        self.report(f"{title} …")
        return time.monotonic()

    def _done(self, title: str, started: float) -> None:
        self.report(f"{title}: done in {time.monotonic() - started:.0f} s")


def _run_logged(command: list[str | Path], log: Path) -> None:
    with log.open("a") as output:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
    if result.returncode:
        raise BuildError(f"failed ({_last_line(log)}); log: {log}")


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "no output"
