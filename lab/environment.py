# SPDX-License-Identifier: MIT
"""Finds the labgrid environment of a board by name or by file, and fills in what a running board knows."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labgrid import Environment, Target
from labgrid.util.yaml import load as load_yaml

from lab.drivers.remote import HOST_ALIAS
from lab.errors import UserError
from lab.flash import Plan
from lab.occupancy import check_free, occupied
from lab.paths import board_folder
from lab.places import locked
from lab.virtual import client
from lab.virtual.client import BoardInfo

#: Environments that come with the lab: ``--board NAME`` is ``env/NAME.yaml``.
FOLDER = Path(__file__).parent / "env"
PORTS = ("power", "buttons", "fastboot", "console", "ssh")


class NoBoardError(UserError):
    """There is no such board, or it does not run."""


@dataclass(frozen=True)
class Board:
    """A board that the lab knows: its labgrid environment, and a folder for what the lab remembers of it."""

    environment: Path
    name: str
    virtual: bool  #: whether a process of ours is the board, which must run before anything can be reached
    compatible: str | None = None  #: its name in the device trees of boot images, None if any will do
    place: str | None = None  #: of a labgrid coordinator, which sessions lock

    @classmethod
    def find(cls, board: str, instance: str | None = None) -> "Board":
        """The board of that name, or with that environment file. Raises NoBoardError where there is none.

        *instance* names one of several virtual boards with the same environment, each with a disk of its own.
        """
        if board.endswith((".yaml", ".yml")) or os.sep in board:
            path = Path(board)
        else:
            path = FOLDER / f"{board}.yaml"
        if not path.is_file():
            known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.yaml")))
            raise NoBoardError(
                f"there is no board {board}: name one of {known}, or give a labgrid environment file"
            )
        try:
            options = load_yaml(path.read_text()).get("options") or {}
            name, compatible = options.get("virtual_board"), options.get("compatible")
            remote = bool(options.get("remote"))
        except Exception as error:  # PyYAML raises whatever its constructors trip over
            raise NoBoardError(f"{path} is no labgrid environment: {_first_line(error)}") from error
        if not isinstance(compatible, str | None):
            raise NoBoardError(f"{path}: the option compatible is not text")
        try:
            board_folder(str(instance or name or path.stem))
        except UserError as error:
            raise NoBoardError(f"{path}: {error}") from error
        if not remote:
            return cls(path, str(instance or name or path.stem), name is not None, compatible)
        place = os.environ.get("LG_PLACE")
        if not place:
            raise NoBoardError(f"{path} is for a place of a coordinator: name it by LG_PLACE")
        return cls(path, place, False, compatible, place)

    @property
    def folder(self) -> Path:
        """What the lab remembers of the board; for a virtual one also its disk, logs and ports."""
        return board_folder(self.name)

    @property
    def key(self) -> Path:
        """Where the private key is kept that opens the image on the board."""
        return self.folder / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """Where the key is kept that the board's SSH server showed, or that came with its image."""
        return self.folder / "known_hosts"

    @property
    def manifest(self) -> dict[str, Any] | None:
        """The manifest of the image that the lab flashed last, None where it had none or never did."""
        try:
            return json.loads((self.folder / "manifest.json").read_text())
        except (OSError, ValueError, RecursionError):
            return None

    def remember(self, plan: Plan) -> None:
        """Keep the image's manifest and SSH keys, for the sessions that come later.

        A plan without a root file system leaves the keys that are in the one on the board.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "manifest.json").write_text(json.dumps(plan.manifest, indent=1))
        if "rootfs" not in plan.digests:
            return
        new = self.key.with_suffix(".new")
        new.unlink(missing_ok=True)
        new.touch(0o600)
        if plan.key:
            shutil.copyfile(plan.key, new)
        new.replace(self.key)
        self.known_hosts.unlink(missing_ok=True)  # another system has another key
        if plan.host_key:
            self.known_hosts.write_text(f"{HOST_ALIAS} {plan.host_key.read_text()}")

    def running(self) -> BoardInfo | None:
        """The process of a virtual board, None where it does not run. Raises NoBoardError for a real one."""
        self._check_virtual()
        return client.status(self.folder)

    def start(self, *, real_time: bool = False, outlive: bool = True) -> BoardInfo:
        """Start a virtual board's process, powered off. It ends with ours unless it may *outlive* it.

        Raises NoBoardError for a real one, StateError where it runs already or does not come up.
        """
        self._check_virtual()
        return client.start(self.folder, name=self.name, real_time=real_time, outlive=outlive)

    def stop(self) -> bool:
        """Cut a virtual board's power and end its process; whether there was one."""
        self._check_virtual()
        return client.stop(self.folder)

    def check_free(self) -> None:
        """Raises InUseError where somebody is at the board."""
        check_free(self.folder, self.name)

    @contextmanager
    def opened(self) -> Iterator[Environment]:
        """The environment, and for the block nobody else at the board.

        Raises InUseError, and as load() does.
        """
        with occupied(self.folder, self.name):
            environment = self.load()
            try:
                yield environment
            finally:
                environment.cleanup()

    @contextmanager
    def session(self, plan: Plan | None = None, *, real_time: bool = False) -> Iterator[Target]:
        """A target for the block, whose strategy has *plan*.

        A virtual board runs, and a coordinator's place is locked, only as long.

        Raises InUseError, and as start() and load() do.
        """
        with ExitStack() as stack:
            if self.place:
                stack.enter_context(locked(self.place))
            stack.enter_context(occupied(self.folder, self.name))
            if plan:
                self.remember(plan)
            if self.virtual:
                self.start(real_time=real_time, outlive=False)
                stack.callback(self.stop)
            environment = self.load()
            stack.callback(environment.cleanup)
            target = environment.get_target()
            target.get_strategy().plan = plan
            yield target

    def load(self, *, must_run: bool = True) -> Environment:
        """The labgrid environment.

        Raises NoBoardError where that is no good, or where a virtual board does not run. With
        *must_run* false the latter gets port 0 instead, which is enough to ask for its features.
        """
        if self.virtual:
            info = client.status(self.folder)
            if info is None and must_run:
                raise NoBoardError(
                    f"the board {self.name} does not run: start it with `offload-lab board start`"
                )
            os.environ |= {f"LG_PORT_{port.upper()}": str(info.ports[port] if info else 0) for port in PORTS}
        os.environ["LG_KEYFILE"] = str(self.key)
        os.environ["LG_KNOWN_HOSTS"] = str(self.known_hosts)
        try:
            return Environment(str(self.environment))
        except Exception as error:  # labgrid checks little of what it reads
            raise NoBoardError(
                f"{self.environment} is no labgrid environment: {_first_line(error)}"
            ) from error

    def _check_virtual(self) -> None:
        if not self.virtual:
            raise NoBoardError(
                f"{self.name} is no virtual board: its power can be switched, but it has no process"
            )


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"
