# SPDX-License-Identifier: MIT
"""The control socket and the command line."""

import json
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.dsp.audio import Media, decode, difference
from tests.dsp.driver import (
    LIMIT,
    Codec,
    Dsp,
    Op,
    S,
    Service,
    Status,
    Stream,
    flac_format,
    open_payload,
    packet,
)


def test_status(dsp: Dsp, flac: Path) -> None:
    status = dsp.command("status")
    assert status["ok"] and status["streams"] == [] and status["audio_domain"] == "up"
    stream = Stream(dsp, flac.read_bytes(), Codec.FLAC, flac_format()).open()
    stream.start()
    dsp.run_for(S)
    status = dsp.command("status")
    assert status["now_us"] == dsp.now // 1000
    assert status["cpu_us"] > 0
    (shown,) = status["streams"]
    assert shown["frames_rendered"] == 44100 and shown["state"] == "running"
    assert shown.keys() == dsp.record().json.keys()


@pytest.mark.parametrize("ppm", [-100000, 500])
def test_the_clock_is_skewed_from_now_on(dsp: Dsp, flac: Path, ppm: int) -> None:
    stream = Stream(dsp, flac.read_bytes(), Codec.FLAC, flac_format()).open()
    started = dsp.now
    stream.start()
    dsp.run_for(4 * S)
    assert dsp.command(f"skew {ppm}") == {"ok": True}
    dsp.run_until(lambda: bool(stream.eos_times))
    duration = stream.eos_times[0] - started
    assert abs(duration - 4 * S - 8 * S * 1_000_000 // (1_000_000 + ppm)) <= 1000
    assert difference(decode(dsp.record().wav, 2), decode(flac, 2)) == 0


def test_firmware_without_session_time(dsp: Dsp, flac: Path) -> None:
    stream = Stream(dsp, flac.read_bytes(), Codec.FLAC, flac_format()).open()
    dsp.command("fault session-time:1+ status:3")
    assert dsp.status(Service.ASM, Op.SESSION_TIME, port=stream.port) == Status.EUNSUPPORTED
    dsp.command("no-faults")
    dsp.command("fault session-time:1+ lose")
    assert dsp.ask(Service.ASM, Op.SESSION_TIME, port=stream.port) == []
    dsp.command("no-faults")
    (answer,) = dsp.ask(Service.ASM, Op.SESSION_TIME, port=stream.port)
    assert answer.opcode == Op.SESSION_TIME_RSP


@pytest.mark.parametrize("line", ["skew", "skew ", "skew fast", "skew 100001"])
def test_bad_arguments(dsp: Dsp, line: str) -> None:
    answer = dsp.command(line)
    assert answer["ok"] is False and line.split()[0] in answer["error"]


def test_domain_restart_ends_all_streams(dsp: Dsp, flac: Path) -> None:
    """Everything of the domain is lost; without listeners it is up again at once."""
    stream = Stream(dsp, flac.read_bytes(), Codec.FLAC, flac_format()).open()
    stream.start()
    dsp.run_for(S)
    assert dsp.command("pd-restart") == {"ok": True}
    record = dsp.record()
    assert record.json["state"] == "closed"
    assert record.json["error"] == "The audio protection domain of the DSP was restarted."
    assert difference(decode(record.wav, 2), decode(flac, 2)[:44100]) == 0
    assert dsp.status(Service.ASM, Op.CLOSE, port=stream.port) == Status.ENOTEXIST
    # the mapping is gone too, and all works anew
    stream.handle = 0
    stream.again(stream.data)
    dsp.settle()
    again = Stream(dsp, flac.read_bytes(), Codec.FLAC, flac_format(), session=2).open()
    again.play()
    assert dsp.record(2).json["drained"]


def test_crash(start: Callable[..., Dsp], program: Path, tmp_path: Path, flac: Path) -> None:
    dsp = Dsp(program, tmp_path / "crash")
    stream = Stream(dsp, flac.read_bytes(), Codec.FLAC, flac_format()).open()
    stream.start()
    dsp.run_for(S)
    assert dsp.command("crash") == {"ok": True}
    assert dsp.process.wait(LIMIT) == 3
    assert dsp.record().json["error"] == "The DSP crashed."
    assert not dsp.control.exists()
    dsp.close()


def test_unknown_command_and_help(dsp: Dsp) -> None:
    assert dsp.command("explode")["ok"] is False
    assert dsp.command("")["ok"] is False
    assert "pd-restart" in dsp.command("help")["commands"]


def test_orders_from_the_command_line(dsp: Dsp, program: Path) -> None:
    def order(command: str, control: Path = dsp.control) -> subprocess.CompletedProcess[str]:
        arguments = [program, "--control", control, "--order", command]
        return subprocess.run(arguments, capture_output=True, text=True, timeout=LIMIT, check=False)

    done = order("skew 100")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"ok": True})
    assert json.loads(order("status").stdout)["streams"] == []
    refused = order("skew fast")
    assert refused.returncode == 1 and json.loads(refused.stdout)["ok"] is False
    nobody = order("status", dsp.control.with_name("none"))
    assert nobody.returncode == 1 and "No such file" in nobody.stderr


def test_several_commands_in_pieces(dsp: Dsp) -> None:
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(LIMIT)
        control.connect(str(dsp.control))
        for piece in (b"sta", b"tus\nhe", b"lp\r\n"):
            control.sendall(piece)
            time.sleep(0.01)
        with control.makefile() as answers:
            assert "streams" in json.loads(answers.readline())
            assert "commands" in json.loads(answers.readline())


def test_rude_clients_do_no_harm(dsp: Dsp) -> None:
    sockets = []
    for number in range(20):
        control = socket.socket(socket.AF_UNIX)
        control.connect(str(dsp.control))
        with suppress(OSError):  # it takes eight at a time, and hangs up on others
            control.sendall(b"x" * 5000 if number % 2 else b"status\n" * 30)
        sockets.append(control)
    for control in sockets:
        control.close()
    assert dsp.ask(Service.CORE, 0x1290C)
    assert dsp.command("status")["ok"]


def test_the_other_side_goes(program: Path, tmp_path: Path, flac: Path) -> None:
    dsp = Dsp(program, tmp_path / "gone")
    Stream(dsp, flac.read_bytes(), Codec.FLAC, flac_format()).open()
    dsp.link.close()
    assert dsp.process.wait(LIMIT) == 0
    assert dsp.record().json["error"] == "The DSP was stopped with the stream open."
    dsp.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals(program: Path, tmp_path: Path, number: int) -> None:
    dsp = Dsp(program, tmp_path / "signal")
    os.kill(dsp.process.pid, number)
    assert dsp.process.wait(LIMIT) == 0
    assert not dsp.control.exists()
    dsp.close()


def test_real_clock(start: Callable[..., Dsp], media: Media) -> None:
    """With CLOCK_MONOTONIC the times that the DSP itself takes are right."""
    path = media("short.flac", seconds=1)
    dsp = start(stepped=False)

    def until(reached: Callable[[], bool]) -> None:
        end = time.monotonic() + LIMIT
        while not reached():
            assert time.monotonic() < end
            dsp.handle()
            time.sleep(0.001)

    stream = Stream(dsp, path.read_bytes(), Codec.FLAC, b"", fragment=32768)
    dsp.handlers[stream.port] = stream.on_packet
    stream.nowait(Op.OPEN_WRITE, open_payload(Codec.FLAC))
    stream.nowait(0x10D98, flac_format())
    until(lambda: len(stream.answers) == 2)
    dsp.send(packet(Service.ASM, 0x10D92, bytes.fromhex("0300010000000000") + (0x100000).to_bytes(8, "little")
                    + stream.ring_size.to_bytes(4, "little"), token=0x400))  # fmt: skip
    until(lambda: bool(dsp.unexpected))
    stream.handle = int.from_bytes(dsp.unexpected[0].payload, "little")
    before = time.monotonic_ns() // 1000
    stream.start()
    until(lambda: bool(stream.eos_times))
    after = time.monotonic_ns() // 1000
    facts = dsp.record().json
    assert before <= facts["run_us"] < facts["eos_rendered_us"] <= after
    assert facts["eos_rendered_us"] - facts["run_us"] >= 1_000_000
    assert difference(decode(dsp.record().wav, 2), decode(path, 2)) == 0


def run(program: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *options], capture_output=True, text=True, timeout=LIMIT, check=False)


def test_help_and_version(program: Path) -> None:
    result = run(program, "--help")
    assert result.returncode == 0 and not result.stderr
    options = [
        "device",
        "record",
        "control",
        "skew-ppm",
        "apr-fd",
        "memory-file",
        "clock-fd",
        "help",
        "version",
    ]
    for word in [f"--{option}" for option in options] + ["status", "pd-restart", "crash", "stream.json"]:
        assert word in result.stdout
    assert run(program, "--version").stdout.startswith("virtual-adsp ")


@pytest.mark.parametrize(
    "options",
    [
        ["--nonsense"],
        ["--device"],
        ["extra"],
        ["--skew-ppm", "100001"],
        ["--skew-ppm", "fast"],
        ["--apr-fd", "-1"],
        ["--clock-fd", ""],
    ],
)
def test_wrong_usage(program: Path, options: list[str]) -> None:
    result = run(program, *options)
    assert result.returncode == 2
    assert "virtual-adsp" in result.stderr


def test_what_is_not_there(program: Path, tmp_path: Path) -> None:
    places: list[str | Path] = ["--record", tmp_path / "record", "--control", tmp_path / "control"]
    result = run(program, "--device", tmp_path / "no-device", *places)
    assert result.returncode == 1
    assert result.stderr == f"virtual-adsp: {tmp_path}/no-device: No such file or directory\n"
    assert not (tmp_path / "control").exists()
    (tmp_path / "file").write_text("")
    result = run(
        program, "--device", "/dev/null", "--record", tmp_path / "file/x", "--control", tmp_path / "control"
    )
    assert result.returncode == 1 and "folder for recordings" in result.stderr
    result = run(program, "--device", "/dev/null", "--record", tmp_path / "r", "--control", tmp_path / "file")
    assert result.returncode == 1 and "control socket" in result.stderr
    assert (tmp_path / "file").exists()


def test_one_program_per_control_socket(dsp: Dsp, program: Path, tmp_path: Path) -> None:
    result = run(program, "--record", tmp_path / "r", "--control", dsp.control)
    assert result.returncode == 1 and "Address already in use" in result.stderr
    assert dsp.command("status")["ok"]


def test_stale_control_socket_is_replaced(program: Path, tmp_path: Path) -> None:
    first = Dsp(program, tmp_path / "stale")
    first.process.kill()
    first.process.wait(LIMIT)
    assert first.control.exists()
    first.close()
    second = Dsp(program, tmp_path / "stale")
    assert second.command("status")["ok"]
    assert second.close() == 0


def test_full_disk(start: Callable[..., Dsp], program: Path, tmp_path: Path, mp3: Path) -> None:
    """The stream plays on; the recording says that it is not complete."""
    dsp = start()
    stream = Stream(dsp, mp3.read_bytes()).open()
    # each file fails at this size, as on a full disk
    resource.prlimit(dsp.process.pid, resource.RLIMIT_FSIZE, (100_000, 100_000))
    stream.play()
    stream.close()
    facts = dsp.record().json
    assert facts["drained"] and facts["frames_rendered"] == len(decode(mp3, 2))
    assert facts["error"].startswith("The recording is not complete: rendered.wav cannot be written (")
