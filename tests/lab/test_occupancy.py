# SPDX-License-Identifier: MIT
"""Two tools, or two users, at one board: the second is told, and the first is not disturbed."""

import os
import signal
import subprocess
import sys

import deploy_folder
import pytest
from support.media import make

from lab.cli.run import run
from lab.occupancy import InUseError, check_free, occupied
from lab.paths import ROOT

HOLD = """
import sys
from pathlib import Path
from lab.occupancy import occupied
with occupied(Path(sys.argv[2]), "virtual"):
    print("have it", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that has the board."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, "flash", str(tmp_path / "boards" / "virtual")],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "have it\n"
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of the board ``virtual``."""
    monkeypatch.setattr("lab.paths.BUILD", tmp_path)
    return tmp_path / "boards" / "virtual"


def test_the_second_is_told_who_has_it(holder, folder):
    with pytest.raises(InUseError, match=f"virtual is in use by -c flash, process {holder.pid}: wait for it"):
        occupied(folder, "virtual").__enter__()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_one_has_it_no_longer(holder, folder, number):
    holder.send_signal(number)
    holder.wait(30)
    check_free(folder, "virtual")
    with occupied(folder, "virtual"), pytest.raises(InUseError, match=f"process {os.getpid()}"):
        check_free(folder, "virtual")
    check_free(folder, "virtual")


def test_what_a_tool_starts_does_not_inherit_it(folder):
    """A board's process outlives the command that started it."""
    with occupied(folder, "virtual"):
        child = subprocess.Popen(["sleep", "60"])
    try:
        check_free(folder, "virtual")
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("command", [["play", "a.mp3"], ["flash", "."], ["board", "stop"]])
def test_the_commands_ask(holder, folder, command, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(deploy_folder.make(tmp_path / "deploy"))
    make(tmp_path / "deploy" / "a.mp3", seconds=1)
    assert run(command) == 2
    assert "the board virtual is in use by -c flash" in capsys.readouterr().err
    assert holder.poll() is None


def test_stop_may_be_forced(holder, folder, capsys):
    assert run(["board", "stop", "--force"]) == 0
    assert "did not run" in capsys.readouterr().out


def test_another_users_folder(tmp_path):
    """As nobody where we are root, for whom there are no permissions."""
    (tmp_path / "build").mkdir(0o555)
    command = [sys.executable, "-m", "lab", "board", "start"]
    if os.getuid() == 0:
        for folder in (tmp_path, *tmp_path.parents):  # which pytest makes for us alone
            if (mode := folder.stat().st_mode) & 0o005 != 0o005:
                folder.chmod(mode | 0o005)
        command = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *command]
        if subprocess.run([*command[:6], sys.executable, "-c", "import lab"], cwd=ROOT).returncode:
            pytest.skip("nobody may not run this Python or read this checkout")
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"OFFLOAD_BUILD": str(tmp_path / "build"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: no permission for {tmp_path / 'build'}"), done.stderr
    assert "set OFFLOAD_BUILD to a folder of your own" in done.stderr
