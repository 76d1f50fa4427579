# SPDX-License-Identifier: MIT
"""``offload-lab put`` and ``get`` with a board that is an SSH server in this process."""

import os
import re
from contextlib import contextmanager
from types import SimpleNamespace

import paramiko
import pytest
from fake_ssh import ssh_server
from labgrid import Target
from labgrid.resource import NetworkService

from lab.cli.run import run
from lab.drivers.remote import RemoteDriver
from lab.environment import Board


@pytest.fixture
def board(monkeypatch, tmp_path):
    """The folder that stands for the board's disk."""
    key = paramiko.RSAKey.generate(2048)
    key.write_private_key_file(str(tmp_path / "id"))
    disk = tmp_path / "disk"
    disk.mkdir()
    with ssh_server(key) as (port, _):

        @contextmanager
        def opened(self):
            target = Target("main")
            NetworkService(target, None, address="127.0.0.1", username="root", port=port)
            target.activate(RemoteDriver(target, None, keyfile=str(tmp_path / "id")))
            real = target.get_driver
            strategy = SimpleNamespace(attach=lambda: None)
            target.get_driver = lambda name, **options: (
                strategy if name == "OffloadStrategy" else real(name, **options)
            )
            yield SimpleNamespace(get_target=lambda: target)
            target.cleanup()

        monkeypatch.setattr(Board, "opened", opened)
        yield disk


def test_there_and_back(board, tmp_path, capsys):
    contents = {"a b": os.urandom(300_000), "empty": b""}
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    assert run(["put", *(str(tmp_path / name) for name in contents), str(board)]) == 0
    assert {path.name: path.read_bytes() for path in board.iterdir()} == contents
    back = tmp_path / "back"
    back.mkdir()
    assert run(["get", *(str(board / name) for name in contents), str(back)]) == 0
    assert {path.name: path.read_bytes() for path in back.iterdir()} == contents
    there, back = capsys.readouterr().out.split("copying empty\n", 1)
    for lines in (there, back):
        assert any(0 < int(share) < 100 for share in re.findall(r"copying a b: (\d+)%", lines))


def test_nothing_here_is_written_over(board, tmp_path, capsys):
    (board / "id").write_text("from the board")
    before = (tmp_path / "id").read_bytes()
    assert run(["get", str(board / "id"), str(tmp_path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "id").read_bytes() == before


def test_nothing_half_written(board, tmp_path, capsys):
    assert run(["get", str(board / "missing"), str(tmp_path)]) == 1
    assert "No such file" in capsys.readouterr().err
    assert not [path for path in tmp_path.iterdir() if "missing" in path.name]


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["put", "missing", "/tmp"], "missing is not a file"),
        (["get", "/etc/passwd", "missing"], "missing is not a folder"),
        (["get", "/etc/", "."], "/etc/ names no file"),
        (["get", "..", "."], ".. names no file"),
    ],
)
def test_refused_before_the_board_is_asked(monkeypatch, tmp_path, capsys, command, sentence):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Board, "opened", None)
    assert run(command) == 2
    assert sentence in capsys.readouterr().err
