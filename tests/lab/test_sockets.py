# SPDX-License-Identifier: MIT
"""What a running virtual board listens on, and what others on this machine may read of it."""

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from samples import boot_image
from support.sockets import family, listening, outside

from lab.environment import Board
from lab.virtual.client import BoardInfo
from lab.virtual.disk import Disk


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Board, BoardInfo]]:
    """A virtual board, as `offload-lab board start` makes it, on which a small kernel runs in QEMU."""
    monkeypatch.setattr("lab.paths.BUILD", tmp_path)
    board = Board.find("virtual")
    info = board.start(outlive=False)
    try:
        disk = board.folder / "disk.img"
        with disk.open("r+b") as file:
            file.seek(Disk(disk).partitions["boot_a"].offset)
            file.write(boot_image().pack())
        environment = board.load()
        power = environment.get_target().get_driver("PowerProtocol")
        power.on()
        yield board, info
        environment.cleanup()
    finally:
        board.stop()


def test_only_loopback_is_listened_on(board: tuple[Board, BoardInfo]) -> None:
    _, info = board
    sockets = listening(family(info.pid))
    assert any(program.startswith("qemu") for program in sockets), sockets
    ports = {port for addresses in sockets.values() for _, port in addresses}
    assert {info.ports[name] for name in ("power", "buttons", "console", "ssh")} <= ports
    assert not outside(sockets)


def test_the_list_shows_a_socket_that_others_can_reach() -> None:
    """That the test above can fail."""
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert ("0.0.0.0", server.getsockname()[1]) in outside(listening([os.getpid()]))


def test_nobody_else_reads_the_boards_files(board: tuple[Board, BoardInfo]) -> None:
    folder = board[0].folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
