# SPDX-License-Identifier: MIT
"""labgrid environments: a broken one is refused by a sentence, and names no folder outside the lab's."""

from __future__ import annotations

from contextlib import suppress

from lab.environment import FOLDER, Board, NoBoardError
from lab.paths import BUILD
from tests.fuzz.images import folder
from tests.fuzz.target import Target


def _check_environment(data: bytes) -> None:
    path = folder() / "case.yaml"
    path.write_bytes(data)
    with suppress(NoBoardError):
        board = Board.find(str(path))
        assert board.folder.resolve().parent == (BUILD / "boards").resolve(), f"{board.folder} is outside"
        assert board.folder.name.isprintable()
        board.load(must_run=False).cleanup()


ENVIRONMENT = Target(
    "environment",
    lambda: [(FOLDER / name).read_bytes() for name in ("virtual.yaml", "db845c.yaml")],
    _check_environment,
    tokens=(
        b"../..", b"/tmp", b"virtual_board: ../../x", b"virtual_board: [a]", b"options: 1", b"!template ",
        b"$LG_NOTHING", b"!!python/object:os.system", b"!!int x", b"{", b"[" * 2000, b"- " * 2000, b"*a",
        b"&a ", b"? ", b"2026-99-99", b"%", b"\0", b"\xff", b"targets:", b"null", b"<<: *a", b"!!binary |",
        b"!!timestamp x", b"\t", b"0x_", b"1:60", b'"\\x"',
    ),
)  # fmt: skip
