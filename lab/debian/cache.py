# SPDX-License-Identifier: MIT
"""A build cache keyed by content: an entry is made once for what went into it, and never half-written."""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


def digest_tree(path: Path) -> str:
    """SHA-256 (hex) of a file, or of a folder's file names, modes, link targets and contents.

    Raises FileNotFoundError where there is nothing at *path*.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    total = hashlib.sha256()
    for item in [path] if path.is_file() else sorted(path.rglob("*")):
        name = item.relative_to(path).as_posix() if item != path else item.name
        if item.is_symlink():
            total.update(f"link {name} {item.readlink()}\0".encode())
        elif item.is_file():
            executable = bool(item.stat().st_mode & 0o100)
            with item.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
            total.update(f"file {name} {executable} {content}\0".encode())
    return total.hexdigest()


class Cache:
    """Entries ``NAME-KEY`` below one folder; KEY is a digest of everything that went into the entry."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def entry(self, name: str, inputs: Mapping[str, object], build: Callable[[Path], None]) -> Path:
        """Return the folder of the entry; where it is missing, *build* fills a new folder first.

        *inputs* (JSON-serialisable) is all that the result depends on. The folder gets its final name
        only after *build* has returned, so an interrupted build leaves nothing that is used later.
        Two processes that want one entry wait for each other. What *build* raises is passed on.
        """
        found = self.find(name, inputs)
        if found is not None:
            return found
        final = self._path(name, inputs)
        with self._locked(name):
            if final.exists():
                return final
            self._remove_leftovers(name)
            partial = Path(tempfile.mkdtemp(prefix=f".{name}-", suffix=".partial", dir=self.root))
            try:
                partial.chmod(0o755)
                build(partial)
                (partial / ".inputs.json").write_text(json.dumps(inputs, indent=1, sort_keys=True))
                partial.rename(final)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
        return final

    def find(self, name: str, inputs: Mapping[str, object]) -> Path | None:
        """The folder of the entry where it has been made; its time says when it was last wanted."""
        final = self._path(name, inputs)
        if not final.exists():
            return None
        os.utime(final)
        return final

    def _path(self, name: str, inputs: Mapping[str, object]) -> Path:
        key = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]
        return self.root / f"{name}-{key}"

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        with (self.root / f".{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _remove_leftovers(self, name: str) -> None:
        """Folders of builds that were killed: nobody else can be writing them while the lock is held."""
        for leftover in self.root.glob(f".{name}-*.partial*"):
            shutil.rmtree(leftover, ignore_errors=True)
