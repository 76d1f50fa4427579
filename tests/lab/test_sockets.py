# SPDX-License-Identifier: MIT
"""What a running virtual board listens on, and what others on this machine may read of it."""

import os
import socket
import stat
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from samples import boot_image

from lab.environment import Board
from lab.virtual.client import BoardInfo
from lab.virtual.disk import Disk

#: TCP_LISTEN of the kernel's include/net/tcp_states.h; an UDP socket that takes packets is in state 7.
LISTENING = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}


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


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    children = [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    return [pid, *(other for child in children for other in family(child))]


def listening(pids: list[int]) -> dict[str, list[tuple[str, int]]]:
    """Address and port of the sockets of these processes that take connections, by program."""
    found: dict[str, list[tuple[str, int]]] = {}
    for pid in pids:
        links = [link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
        inodes = {link.removeprefix("socket:[").rstrip("]") for link in links if link.startswith("socket:")}
        program = Path(f"/proc/{pid}/comm").read_text().strip()
        for table, state in LISTENING.items():
            for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == state and fields[9] in inodes:
                    address, port = fields[1].split(":")
                    words = bytes.fromhex(address)
                    order = b"".join(words[at : at + 4][::-1] for at in range(0, len(words), 4))
                    found.setdefault(program, []).append((str(ip_address(order)), int(port, 16)))
    return found


def test_only_loopback_is_listened_on(board: tuple[Board, BoardInfo]) -> None:
    _, info = board
    sockets = listening(family(info.pid))
    assert any(program.startswith("qemu") for program in sockets), sockets
    ports = {port for addresses in sockets.values() for _, port in addresses}
    assert {info.ports[name] for name in ("power", "buttons", "console", "ssh")} <= ports
    outside = [
        one for addresses in sockets.values() for one in addresses if not ip_address(one[0]).is_loopback
    ]
    assert not outside, outside


def test_the_list_shows_a_socket_that_others_can_reach() -> None:
    """That the test above can fail."""
    with socket.create_server(("0.0.0.0", 0)) as server:
        found = listening([os.getpid()])
        assert ("0.0.0.0", server.getsockname()[1]) in [one for all in found.values() for one in all]


def test_nobody_else_reads_the_boards_files(board: tuple[Board, BoardInfo]) -> None:
    folder = board[0].folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
