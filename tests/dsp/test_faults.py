# SPDX-License-Identifier: MIT
"""Firmware that fails on demand: the moments and the faults, each seen by the kernel's side of the link."""

import contextlib
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.dsp.audio import decode, difference
from tests.dsp.driver import (
    LIMIT,
    MS,
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

CORE_STATE = 0x1290C  # AVCS_CMD_ADSP_EVENT_GET_STATE


@pytest.fixture
def stream(dsp: Dsp, flac: Path) -> Stream:
    """Open, and ready to play 12 s of FLAC."""
    return Stream(dsp, flac.read_bytes(), Codec.FLAC, flac_format()).open()


def struck(dsp: Dsp) -> list[int]:
    return [fault["struck"] for fault in dsp.command("faults")["faults"]]


def assert_played(stream: Stream, flac: Path) -> None:
    record = stream.dsp.record()
    assert record.input == stream.data and record.json["drained"]
    assert difference(decode(record.wav, 2), decode(flac, 2)) == 0


# --- the moments ---


@pytest.mark.parametrize("when", ["now", "ms:0"])
def test_now(dsp: Dsp, stream: Stream, when: str) -> None:
    assert dsp.command(f"fault {when} pd-restart") == {"ok": True, "fault": 1}
    dsp.settle()
    assert dsp.record().json["state"] == "closed"
    assert struck(dsp) == [1]


def test_a_time(dsp: Dsp, stream: Stream) -> None:
    stream.start()
    dsp.run_for(S)
    dsp.command("fault ms:1500 pd-restart")
    dsp.run_for(5 * S)
    assert dsp.record().json["frames_rendered"] == 44100 * 5 // 2


@pytest.mark.parametrize(("byte", "writes"), [(1, 0), (8192, 0), (8193, 1), (40000, 4)])
def test_a_byte(dsp: Dsp, stream: Stream, byte: int, writes: int) -> None:
    """The write that has it is not taken any more."""
    dsp.command(f"fault byte:{byte} pd-restart")
    stream.start()
    dsp.run_for(20 * S)
    assert dsp.record().json["writes"] == writes


def test_a_command(dsp: Dsp, stream: Stream) -> None:
    dsp.command("fault write:3 pd-restart")
    stream.start()
    dsp.run_for(20 * S)
    assert dsp.record().json["writes"] == 2
    assert struck(dsp) == [1]


def test_a_command_by_its_number(dsp: Dsp) -> None:
    dsp.command(f"fault {CORE_STATE:#x}:2 status:0xb")
    assert dsp.ask(Service.CORE, CORE_STATE)[0].opcode != Op.BASIC
    assert dsp.status(Service.CORE, CORE_STATE) == 0xB
    assert dsp.ask(Service.CORE, CORE_STATE)[0].opcode != Op.BASIC


def test_from_a_command_on(dsp: Dsp) -> None:
    dsp.command("fault open:2+ status:7")
    statuses = [
        dsp.status(Service.ASM, Op.OPEN_WRITE, open_payload(Codec.MP3), port=session << 8 | 1)
        for session in (1, 2, 3)
    ]
    assert statuses == [Status.EOK, Status.ENORESOURCE, Status.ENORESOURCE]
    assert struck(dsp) == [2]


# --- the faults ---


def test_crash(program: Path, tmp_path: Path, flac: Path) -> None:
    dsp = Dsp(program, tmp_path / "crash")
    stream = Stream(dsp, flac.read_bytes(), Codec.FLAC, flac_format()).open()
    dsp.command("fault write:5 crash")
    stream.start()
    with pytest.raises((ConnectionError, AssertionError, struct.error)):
        dsp.run_for(20 * S)
    assert dsp.process.wait(LIMIT) == 3
    assert dsp.record().json["error"] == "The DSP crashed." and dsp.record().json["writes"] == 4
    dsp.close()


def test_a_refused_format(dsp: Dsp, flac: Path) -> None:
    dsp.command("fault format:1 status:3")
    stream = Stream(dsp, flac.read_bytes(), Codec.FLAC, flac_format())
    assert stream.cmd(Op.OPEN_WRITE, open_payload(Codec.FLAC)) == Status.EOK
    assert stream.cmd(Op.FORMAT, flac_format()) == Status.EUNSUPPORTED
    assert stream.cmd(Op.FORMAT, flac_format()) == Status.EOK


def test_a_refused_write(dsp: Dsp, stream: Stream) -> None:
    """It is answered as writes are, and its data is lost."""
    dsp.command("fault write:2 status:1")
    stream.start()
    dsp.run_until(lambda: bool(stream.eos_times))
    assert [status for _, _, status in stream.done][:3] == [0, 1, 0]
    assert dsp.record().input == stream.data[:8192] + stream.data[16384:]


@pytest.mark.parametrize("command", ["open", "close"])
def test_a_lost_answer(dsp: Dsp, command: str) -> None:
    """The command is executed all the same."""
    dsp.command(f"fault {command}:1+ lose")
    answers = dsp.ask(Service.ASM, Op.OPEN_WRITE, open_payload(Codec.MP3), port=0x401)
    answers += dsp.ask(Service.ASM, Op.CLOSE, port=0x401)
    assert [answer.status[0] for answer in answers] == [Op.CLOSE if command == "open" else Op.OPEN_WRITE]
    assert dsp.record().json["state"] == "closed"


def garbage(dsp: Dsp, seed: int) -> list[bytes]:
    """What the DSP sends in one burst."""
    dsp.command(f"fault now garbage:{seed}")
    dsp.step(dsp.now)
    packets = []
    with contextlib.suppress(BlockingIOError):
        while True:
            packets.append(dsp.link.recv(65536, socket.MSG_DONTWAIT))
    return packets


def test_garbage_comes_from_a_seed(dsp: Dsp) -> None:
    """Good packets, damaged ones, and such as are none; then the DSP is as before."""
    dsp.ask(Service.CORE, CORE_STATE)
    burst = garbage(dsp, 7)
    assert len(burst) == 100 and burst == garbage(dsp, 7) != garbage(dsp, 8)
    whole = [packet for packet in burst if len(packet) > 20 and packet[2:4] == struct.pack("<H", len(packet))]
    assert 20 < len(whole) < 100 and len({len(packet) for packet in burst}) > 20
    assert dsp.ask(Service.CORE, CORE_STATE)


def test_a_late_answer(dsp: Dsp, stream: Stream, flac: Path) -> None:
    """Nothing else waits for it, but the writer does, and the DSP runs dry."""
    dsp.command("fault write:8 late:10000")
    stream.start()
    dsp.run_until(lambda: len(stream.done) == 7)
    seventh = dsp.now
    assert dsp.ask(Service.CORE, CORE_STATE)
    dsp.run_until(lambda: len(stream.done) >= 8)
    assert 10 * S <= dsp.now - seventh <= 12 * S
    dsp.run_until(lambda: bool(stream.eos_times))
    assert_played(stream, flac)
    assert dsp.record().json["underruns"] == 1


def test_underruns_in_a_row(dsp: Dsp, stream: Stream, flac: Path) -> None:
    dsp.command("fault write:1+ late:2000")
    stream.start()
    dsp.run_until(lambda: bool(stream.eos_times))
    assert_played(stream, flac)
    assert dsp.record().json["underruns"] > 20


def test_an_answer_twice(dsp: Dsp) -> None:
    dsp.command("fault now twice")
    first, second = dsp.ask(Service.CORE, CORE_STATE)
    assert first == second
    assert len(dsp.ask(Service.CORE, CORE_STATE)) == 1


def test_swapped_answers(dsp: Dsp) -> None:
    dsp.command("fault open:1 swap")
    assert dsp.ask(Service.ASM, Op.OPEN_WRITE, open_payload(Codec.MP3), port=0x401) == []
    answers = dsp.ask(Service.ASM, Op.RUN, struct.pack("<III", 0, 0, 0), port=0x401)
    assert [answer.status for answer in answers] == [(Op.RUN, 0), (Op.OPEN_WRITE, 0)]


def test_an_answer_that_no_other_follows(dsp: Dsp) -> None:
    """What changes places is late, but it comes."""
    dsp.command(f"fault {CORE_STATE}:1 swap")
    assert dsp.ask(Service.CORE, CORE_STATE) == []
    dsp.run_for(99 * MS)
    assert dsp.unexpected == []
    dsp.run_for(2 * MS)
    assert len(dsp.unexpected) == 1
    assert len(dsp.ask(Service.CORE, CORE_STATE)) == 1


def test_every_answer_changes_places(dsp: Dsp, stream: Stream, flac: Path) -> None:
    dsp.command("fault write:1+ swap")
    stream.start()
    dsp.run_until(lambda: bool(stream.eos_times))
    assert_played(stream, flac)


def test_memory_that_cannot_be_refused(dsp: Dsp) -> None:
    """There is no kernel at the other end."""
    dsp.command("fault now no-memory")
    dsp.settle()
    assert struck(dsp) == [1]
    assert dsp.command("no-faults")["ok"]


def test_a_short_answer(dsp: Dsp) -> None:
    """Its header is right."""
    dsp.command("fault open:1 cut:4")
    ask = (Service.ASM, Op.OPEN_WRITE, open_payload(Codec.MP3))
    (answer,) = dsp.ask(*ask, port=0x401)
    assert answer.payload == struct.pack("<I", Op.OPEN_WRITE)
    (answer,) = dsp.ask(*ask, port=0x501)
    assert answer.status == (Op.OPEN_WRITE, 0)


def test_an_answer_that_is_short_already(dsp: Dsp) -> None:
    dsp.command(f"fault {CORE_STATE}:1 cut:4")
    (answer,) = dsp.ask(Service.CORE, CORE_STATE)
    assert answer.payload == struct.pack("<I", 1)


def test_a_packet_of_any_bytes(dsp: Dsp) -> None:
    """At the command, before its answer."""
    dsp.command(f"fault {CORE_STATE}:1 packet:00ffA1")
    dsp.send(packet(Service.CORE, CORE_STATE))
    dsp.step(dsp.now)
    assert dsp.link.recv(100) == b"\x00\xff\xa1"
    (answer,) = dsp.packets()
    assert answer.opcode != Op.BASIC
    assert struck(dsp) == [1]


def session_us(dsp: Dsp, stream: Stream) -> int:
    (answer,) = dsp.ask(Service.ASM, Op.SESSION_TIME, port=stream.port)
    status, lsw, msw = struct.unpack("<III", answer.payload[:12])
    assert status == 0
    return int(msw << 32 | lsw)


def test_the_clock_stops_and_runs(dsp: Dsp, stream: Stream, flac: Path) -> None:
    started = dsp.now
    stream.start()
    dsp.run_for(S)
    dsp.command("fault now clock:stop")
    dsp.run_for(7 * S)
    assert session_us(dsp, stream) == 1_000_000
    dsp.command("fault now clock:run")
    dsp.run_until(lambda: bool(stream.eos_times))
    assert abs(stream.eos_times[0] - started - 19 * S) < 30 * MS
    assert_played(stream, flac)


def test_the_told_time_jumps_and_runs_backwards(dsp: Dsp, stream: Stream, flac: Path) -> None:
    stream.start()
    dsp.run_for(S)
    dsp.command("fault now clock:5000")
    dsp.settle()
    assert session_us(dsp, stream) == 6_000_000
    dsp.command("fault ms:1000 clock:-2500")
    dsp.run_for(S)
    assert session_us(dsp, stream) == 4_500_000
    dsp.command("fault now clock:back")
    dsp.run_for(S)
    assert session_us(dsp, stream) == 3_500_000
    dsp.run_for(6 * S)
    assert session_us(dsp, stream) == 0
    dsp.command("no-faults")
    assert session_us(dsp, stream) == 9_000_000
    dsp.run_until(lambda: bool(stream.eos_times))
    assert_played(stream, flac)


# --- the orders ---


def test_several_at_once(dsp: Dsp) -> None:
    """The first takes the answer, the other the next."""
    dsp.command("fault now lose")
    dsp.command("fault now twice")
    assert [len(dsp.ask(Service.CORE, CORE_STATE)) for _ in range(3)] == [0, 2, 1]
    orders = [fault["order"] for fault in dsp.command("faults")["faults"]]
    assert orders == ["now lose", "now twice"] and struck(dsp) == [1, 1]


def test_what_is_forgotten(dsp: Dsp) -> None:
    dsp.command(f"fault {CORE_STATE}:1+ late:10000")
    assert dsp.ask(Service.CORE, CORE_STATE) == []
    dsp.command("no-faults")
    assert dsp.command("faults")["faults"] == []
    assert len(dsp.ask(Service.CORE, CORE_STATE)) == 2


def test_a_restart_drops_what_is_held_back(dsp: Dsp) -> None:
    dsp.command("fault open:1 late:1000")
    assert dsp.ask(Service.ASM, Op.OPEN_WRITE, open_payload(Codec.MP3), port=0x401) == []
    dsp.command("pd-restart")
    dsp.run_for(2 * S)
    assert dsp.unexpected == []


def test_spent_faults_make_room(dsp: Dsp) -> None:
    for _ in range(100):
        assert dsp.command("fault now clock:1")["ok"]
        dsp.settle()
    for _ in range(64):
        assert dsp.command("fault ms:1000000 crash")["ok"]
    assert "too many" in dsp.command("fault ms:1000000 crash")["error"]


@pytest.mark.parametrize(
    ("order", "complaint"),
    [
        ("", "WHEN and WHAT"),
        ("now", "WHEN and WHAT"),
        ("soon crash", "WHEN is"),
        ("ms: crash", "WHEN is"),
        ("ms:-1 crash", "WHEN is"),
        ("byte:0 crash", "WHEN is"),
        ("write crash", "WHEN is"),
        ("write: crash", "WHEN is"),
        ("write:+ crash", "WHEN is"),
        ("write:0 crash", "WHEN is"),
        ("write:1- crash", "WHEN is"),
        ("sing:1 crash", "WHEN is"),
        ("99999999999:1 crash", "WHEN is"),
        ("now ", "WHAT is"),
        ("now explode", "WHAT is"),
        ("now late", "WHAT is"),
        ("now late:-1", "WHAT is"),
        ("now status:0", "WHAT is"),
        ("now status:x", "WHAT is"),
        ("now clock:", "WHAT is"),
        ("now crash crash", "WHAT is"),
        ("now cut:0", "WHAT is"),
        ("now cut:99", "WHAT is"),
        ("now packet:", "WHAT is"),
        ("now packet:abc", "WHAT is"),
        ("now packet:0g", "WHAT is"),
        ("now " + "x" * 160, "too long"),
    ],
)
def test_what_is_no_fault(dsp: Dsp, order: str, complaint: str) -> None:
    answer: dict = dsp.command(f"fault {order}")
    assert answer["ok"] is False and complaint in answer["error"]
    assert dsp.command("faults")["faults"] == []


def test_help_lists_the_commands_of_faults(dsp: Dsp) -> None:
    lists: Callable[[str], bool] = dsp.command("help")["commands"].__contains__
    assert all(map(lists, ("fault", "faults", "no-faults")))
