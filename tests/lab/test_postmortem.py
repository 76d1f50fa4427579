# SPDX-License-Identifier: MIT
import paramiko
import pytest
from fake_ssh import ssh_server
from labgrid import Target
from labgrid.resource import NetworkService

from lab import postmortem
from lab.drivers.remote import RemoteDriver


@pytest.fixture
def make_target(tmp_path):
    """A target whose SSH server is at a port."""
    key = paramiko.RSAKey.generate(2048)
    key.write_private_key_file(str(tmp_path / "id"))
    targets = []

    def make(port, **limits):
        targets.append(Target("main"))
        NetworkService(targets[-1], None, address="127.0.0.1", username="root", port=port)
        RemoteDriver(targets[-1], None, keyfile=str(tmp_path / "id"), **limits)
        return targets[-1]

    make.key = key
    yield make
    for target in targets:
        target.cleanup()


def test_every_command_has_its_file(make_target, tmp_path, monkeypatch):
    commands = {"one.txt": "echo first; echo second", "bad.txt": "nonsense-command", "last.txt": "printf end"}
    monkeypatch.setattr(postmortem, "COMMANDS", commands)
    with ssh_server(make_target.key) as (port, _):
        (tmp_path / "console_main").write_text("it oopsed")
        files = postmortem.save(make_target(port), tmp_path / "saved", tmp_path / "console_main")
    assert (tmp_path / "saved" / "console.txt").read_text() == "it oopsed"
    assert [file.name for file in files] == list(commands)
    assert files[0].read_text() == "first\nsecond\n"
    assert "nonsense-command" in files[1].read_text()
    assert files[2].read_text() == "end"


def test_a_board_that_does_not_answer(make_target, tmp_path):
    (file,) = postmortem.save(make_target(9, connection_timeout=1), tmp_path / "saved")
    assert file.name == "no-answer.txt"
    assert "does not answer by SSH" in file.read_text()


def test_the_real_commands_are_quoted_well(make_target, tmp_path):
    """They go through a shell within a shell."""
    with ssh_server(make_target.key) as (port, _):
        files = postmortem.save(make_target(port), tmp_path / "saved")
    assert [file.name for file in files] == list(postmortem.COMMANDS)
    for file in files:
        assert "yntax error" not in file.read_text()
    assert "PID" in (tmp_path / "saved" / "processes.txt").read_text()
