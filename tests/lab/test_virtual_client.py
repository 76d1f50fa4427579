# SPDX-License-Identifier: MIT
"""Start, find and stop the board's process."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench import HERE, LIMIT

from lab.virtual import client
from lab.virtual.state import process_start


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "board"
    yield folder
    client.stop(folder)


def _outlet(info: client.BoardInfo) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{info.ports['power']}/outlet/1", timeout=LIMIT) as answer:
        return str(answer.read().decode())


def test_a_board_is_started_found_and_stopped(state: Path) -> None:
    assert client.status(state) is None
    info = client.start(state, name="bench-7", real_time=True)
    assert (info.name, info.real_time) == ("bench-7", True)
    assert set(info.ports) == {"power", "buttons", "fastboot", "console", "ssh"}
    assert client.status(state) == info
    assert _outlet(info) == "0"
    assert client.stop(state)
    assert process_start(info.pid) is None
    assert not (state / "board.json").exists()
    assert client.status(state) is None
    assert not client.stop(state)


def test_two_boards_do_not_share_a_folder(state: Path) -> None:
    info = client.start(state)
    with pytest.raises(client.StateError, match="already running on"):
        client.start(state)
    process = subprocess.run(
        [sys.executable, "-m", "lab.virtual", "--state", state],
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        stderr=subprocess.PIPE,
        text=True,
        timeout=LIMIT,
    )
    assert process.returncode == 2
    assert process.stderr == f"error: a board is already running on {state}\n"
    assert client.status(state) == info


def test_a_board_that_was_killed_is_not_taken_for_a_living_one(state: Path) -> None:
    info = client.start(state)
    os.kill(info.pid, signal.SIGKILL)
    os.waitpid(info.pid, 0)
    assert (state / "board.json").exists()
    assert client.status(state) is None
    assert not client.stop(state)
    assert client.start(state).pid != info.pid


def test_another_process_with_the_same_pid_is_not_the_board(state: Path) -> None:
    state.mkdir()
    mine = {"name": "x", "pid": os.getpid(), "started": 1, "real_time": False, "ports": {}}
    (state / "board.json").write_text(json.dumps(mine))
    assert client.status(state) is None
    assert not client.stop(state)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": "x"}'])
def test_a_spoiled_board_file_is_no_board(state: Path, text: str) -> None:
    state.mkdir()
    (state / "board.json").write_text(text)
    assert client.status(state) is None


def test_why_a_board_does_not_start_is_told(state: Path) -> None:
    state.mkdir()
    (state / "disk.img").write_bytes(bytes(1 << 20))
    with pytest.raises(client.StateError, match=r"did not start: no partition table: .*board\.log"):
        client.start(state)


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(client.StateError, match="cannot use the board folder"):
        client.start(tmp_path / "file" / "board")


def test_a_board_may_end_with_its_starter(state: Path) -> None:
    code = f"""
from pathlib import Path
from lab.virtual import client
print(client.start(Path({str(state)!r}), outlive=False).pid, flush=True)
input()
"""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert process_start(pid) is not None
        starter.kill()
    deadline = time.monotonic() + LIMIT
    while process_start(pid) is not None:
        assert time.monotonic() < deadline, "the board outlived its starter"
        time.sleep(0.01)


def test_ctrl_c_ends_a_board_in_the_foreground(state: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    with subprocess.Popen(
        [sys.executable, "-m", "lab.virtual", "--state", state], env=environment
    ) as process:
        deadline = time.monotonic() + LIMIT
        while client.status(state) is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT) == 130
    assert not (state / "board.json").exists()
