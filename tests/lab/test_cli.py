# SPDX-License-Identifier: MIT
"""The command as a user runs it: exit codes, one clear sentence each, and nothing left behind."""

import contextlib
import errno
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

import deploy_folder
import pytest
from fake_process import fake_board
from samples import HARDWARE, boot_image, write
from serial import SerialException
from support.media import make

from lab.cli.run import explain, run
from lab.errors import UserError
from lab.paths import ROOT
from lab.virtual.state import process_start


@pytest.fixture
def build(tmp_path):
    """The command's build/ folder."""
    return tmp_path / "build"


@pytest.fixture
def start(build, tmp_path):
    """Starts the command in an empty folder."""
    processes = []

    def start(*arguments):
        environment = os.environ | {"OFFLOAD_BUILD": str(build), "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "lab", *map(str, arguments)],
                cwd=tmp_path,
                env=environment,
                text=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def lab(start):
    """Runs the command; its exit code, standard output and standard error."""

    def lab(*arguments):
        process = start(*arguments)
        out, err = process.communicate(timeout=180)
        assert "Traceback" not in err
        return process.returncode, out, err

    return lab


@pytest.fixture(scope="module")
def mp3(tmp_path_factory):
    return make(tmp_path_factory.mktemp("cli") / "a.mp3", seconds=1)


def sentence(err):
    (line,) = err.strip().splitlines()
    return line.removeprefix("error: ")


@pytest.mark.parametrize("command", ["", "board", "flash", "play", "demo", "board start", "board console"])
def test_help(lab, command):
    code, out, _ = lab(*command.split(), "--help")
    assert code == 0 and out.startswith("Usage: offload-lab")


@pytest.mark.parametrize("arguments", ["nonsense", "play", "flash", "play --nonsense x", "board", ""])
def test_usage(lab, arguments):
    assert lab(*arguments.split())[0] == 2


def test_play_a_missing_file(lab):
    code, _, err = lab("play", "missing.mp3")
    assert (code, sentence(err)) == (2, "missing.mp3: there is no such file")


def test_play_what_is_no_audio(lab, tmp_path):
    (tmp_path / "text.mp3").write_text("no audio")
    code, _, err = lab("play", "text.mp3")
    assert code == 2 and sentence(err).startswith("text.mp3: that is not audio")


def test_play_a_truncated_file(lab, mp3, tmp_path):
    (tmp_path / "cut.mp3").write_bytes(mp3.read_bytes()[:5000])
    code, _, err = lab("play", mp3, "cut.mp3")
    assert code == 2 and sentence(err).startswith("cut.mp3: the file is truncated")


def test_play_without_a_board(lab, mp3, build):
    code, _, err = lab("play", mp3)
    assert code == 2 and "does not run: start it with `offload-lab board start`" in sentence(err)
    assert not (build / "runs").exists()


def test_an_unknown_board(lab, mp3):
    code, _, err = lab("play", "--board", "nonsense", mp3)
    assert code == 2 and "there is no board nonsense: name one of" in sentence(err)


def test_an_environment_that_is_none(lab, mp3, tmp_path):
    (tmp_path / "bad.yaml").write_text("- just\n- a list\n")
    code, _, err = lab("play", "--board", "./bad.yaml", mp3)
    assert code == 2 and "is no labgrid environment" in sentence(err)


def test_flash_what_is_no_deploy_folder(lab, tmp_path):
    code, _, err = lab("flash", "--dry-run", "missing")
    assert code == 2 and "missing" in sentence(err)
    (tmp_path / "empty").mkdir()
    code, _, err = lab("flash", "--dry-run", "empty")
    assert code == 2 and "manifest.json" in sentence(err)


def test_flash_a_damaged_image(lab, tmp_path):
    folder = deploy_folder.make(tmp_path / "deploy")
    with (folder / "rootfs.ext4").open("r+b") as image:
        image.seek(5000)
        image.write(b"damage")
    code, _, err = lab("flash", "--dry-run", folder)
    assert code == 2 and "SHA-256" in sentence(err)


def test_a_dry_run_needs_no_board(lab, tmp_path, build):
    code, out, err = lab("flash", "--dry-run", deploy_folder.make(tmp_path / "deploy"))
    assert (code, err) == (0, "")
    assert re.search(r"boot .*boot-virtual-db845c.img, [\d,]+ bytes, SHA-256 [0-9a-f]{64}", out)
    assert "nothing was written" in out
    assert not build.exists()


def test_a_dry_run_asks_a_board_in_fastboot(lab, tmp_path, build):
    """And changes nothing: the board goes on waiting."""
    folder = deploy_folder.make(tmp_path / "deploy")
    assert lab("board", "start")[0] == 0
    try:
        code, out, err = lab("flash", "--dry-run", "--slot", "both", folder)
        assert (code, err) == (0, "")
        for name in ("boot_a", "boot_b"):
            assert re.search(rf"{name} .* bytes of 67,108,864, SHA-256 [0-9a-f]{{64}}, 1 piece", out)
        assert "checked against sdm845 virtual" in out
        wrong = write(tmp_path / "boot.img", boot_image(compatible=HARDWARE).pack())
        code, _, err = lab("flash", "--dry-run", wrong)
        assert code == 1 and "--force would be needed: boot.img is for thundercomm,db845c" in sentence(err)
        assert "in fastboot mode" in lab("board", "status")[1]
    finally:
        lab("board", "stop")
    assert not (build / "runs").exists()


def test_board_start_status_stop(lab):
    """The real board process, started with nothing to boot: it waits in fastboot."""
    assert lab("board", "status")[0] == 1
    code, out, _ = lab("board", "start")
    try:
        assert code == 0
        pid = int(re.search(r"process (\d+)", out)[1])
        assert process_start(pid) is not None
        code, out, _ = lab("board", "status")
        assert code == 0 and "virtual is in fastboot mode" in out
        code, _, err = lab("board", "start")
        assert code == 1 and "already running" in sentence(err)
    finally:
        code, out, _ = lab("board", "stop")
    assert code == 0 and process_start(pid) is None
    assert lab("board", "stop")[0] == 0
    assert lab("board", "status")[0] == 1


def test_flash(lab, tmp_path, build):
    with fake_board(build / "boards" / "virtual"):
        code, out, err = lab("flash", "--no-verify", deploy_folder.make(tmp_path / "deploy"))
    assert (code, err) == (0, "")
    assert "flashing: 100%" in out
    assert re.search(r"boot_a +boot-virtual-db845c.img, [\d,]+ bytes of 67,108,864, SHA-256", out)
    run_folder = (build / "runs" / "latest").resolve()
    assert run_folder.name.endswith("-flash")
    assert "Writing 'rootfs'" in (run_folder / "fastboot.log").read_text()
    assert "booting sample: Linux version" in (run_folder / "console_main").read_text()
    assert (build / "boards" / "virtual" / "id_ed25519").read_text() == "a key\n"
    assert (build / "boards" / "virtual" / "id_ed25519").stat().st_mode & 0o777 == 0o600


def test_console_shows_what_the_board_prints(lab, start, tmp_path, build):
    folder = deploy_folder.make(tmp_path / "deploy")
    with fake_board(build / "boards" / "virtual"):
        assert lab("flash", "--no-verify", folder)[0] == 0
    with fake_board(build / "boards" / "virtual") as info:
        urlopen(Request(f"http://127.0.0.1:{info.ports['power']}/outlet/1", b"1", method="PUT")).close()
        environment = os.environ | {"OFFLOAD_BUILD": str(build), "PYTHONPATH": str(ROOT)}
        console = subprocess.Popen(
            [sys.executable, "-m", "lab", "board", "console"],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
        )  # fmt: skip
        with console:
            while not select.select([console.stdout], [], [], 0.2)[0]:
                console.stdin.write(b"x")  # which the board echoes, once the console is there
            assert lab("flash", "--no-verify", folder)[0] == 0
            output = b""
            while b"Linux version 0" not in output:
                piece = console.stdout.read(65536)
                assert piece, "the console ended"
                output += piece
            console.stdin.write(b"\x1d")
            assert console.wait(timeout=90) == 0


def test_a_board_that_does_not_go_into_fastboot(lab, tmp_path, build):
    """The power comes on, but nobody ever listens on the port."""
    text = (ROOT / "lab" / "env" / "virtual.yaml").read_text()
    text = text.replace("port: !template $LG_PORT_FASTBOOT", "port: 9")
    text = text.replace("LimitedFastbootDriver: {}", "LimitedFastbootDriver: {answer_timeout: 1}")
    (tmp_path / "other.yaml").write_text(text)
    with fake_board(build / "boards" / "virtual"):
        code, _, err = lab("flash", "--board", "./other.yaml", deploy_folder.make(tmp_path / "deploy"))
    assert code == 1
    assert "does not answer in fastboot mode within 1 s: hold VOL- and power-cycle it" in sentence(err)


def children(pid):
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_flashing(start, tmp_path, build, number):
    folder = deploy_folder.make(tmp_path / "deploy", rootfs=8 << 20)
    with fake_board(build / "boards" / "virtual", link_speed=200e3):
        process = start("flash", folder)
        log = build / "runs" / "latest" / "fastboot.log"
        deadline = time.monotonic() + 120
        fastboot = []
        while not fastboot:
            assert process.poll() is None and time.monotonic() < deadline
            with contextlib.suppress(OSError):  # one has just ended
                fastboot = [
                    child
                    for child in children(process.pid)
                    if b"flash\0rootfs" in Path(f"/proc/{child}/cmdline").read_bytes()
                ]
            time.sleep(0.02)
        process.send_signal(number)
        _, err = process.communicate(timeout=90)
        assert process.returncode == 130
        state, word = filter(None, err.splitlines())
        assert (
            state.startswith("boot_a is written, rootfs is incomplete: flash it again")
            and word == "interrupted"
        )
        assert process_start(fastboot[0]) is None
    assert log.exists()


def test_every_error_has_a_code():
    assert explain(UserError("x")) == ("x", 2)
    assert explain(OSError(errno.ENOSPC, "No space left on device", "build/x")) == (
        "the disk is full (build/x): make room, then run the same command again",
        1,
    )
    assert explain(SerialException("read failed: socket disconnected")) == (
        "the board's serial console broke off (read failed: socket disconnected); "
        "see whether the board still runs: offload-lab board status",
        1,
    )
    assert explain(TimeoutError()) == ("TimeoutError", 1)
    assert explain(KeyError("a bug")) is None
    wrapped = RuntimeError("wrapped")
    wrapped.__cause__ = UserError("why")
    assert explain(wrapped) == ("why", 2)


def test_a_full_disk(monkeypatch, capsys, mp3, tmp_path):
    """/dev/full is a disk that is always full."""
    monkeypatch.setattr("lab.playback.media.read", lambda path: Path("/dev/full").write_bytes(b"x"))
    assert run(["play", str(mp3)]) == 1
    assert "the disk is full" in capsys.readouterr().err
