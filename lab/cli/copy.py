# SPDX-License-Identifier: MIT
"""``offload-lab put`` and ``offload-lab get``."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from lab.cli.options import board_option
from lab.cli.screen import Screen
from lab.errors import UserError, printable

if TYPE_CHECKING:
    from lab.drivers.remote import Progress, RemoteDriver


@click.command()
@board_option
@click.argument("files", metavar="FILE...", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.argument("folder", metavar="FOLDER")
def put(board: str, files: Sequence[Path], folder: str) -> None:
    """Copy files into a FOLDER of a running board."""
    for file in files:
        if not file.is_file():
            raise UserError(f"{file} is not a file")
    with _connected(board) as remote:
        for file in files:
            where = str(PurePosixPath(folder) / file.name)
            _shown(file.name, partial(remote.put, file, where))


@click.command()
@board_option
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
def get(board: str, files: Sequence[str], folder: Path) -> None:
    """Copy files of a running board into a FOLDER here, which may not have such files yet."""
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder")
    wanted = [(file, folder / PurePosixPath(file).name) for file in files]
    for file, where in wanted:
        if file.endswith("/") or PurePosixPath(file).name in ("", ".."):
            raise UserError(f"{file} names no file")
        if where.exists():
            raise UserError(f"{where} is there already")
    with _connected(board) as remote:
        for file, where in wanted:
            _shown(where.name, partial(remote.get, file, where))


@contextmanager
def _connected(board: str) -> Iterator["RemoteDriver"]:
    from lab.environment import Board

    with Board.find(board).opened() as environment:
        target = environment.get_target()
        target.get_driver("OffloadStrategy", activate=False).attach()
        yield target.get_driver("RemoteDriver")


def _shown(name: str, copy: Callable[["Progress"], None]) -> None:
    """Run *copy* and show how far it is."""
    with Screen().task(f"copying {escape(printable(name))}", 1) as advance:
        copy(lambda done, total: advance(done / total if total else 1))
