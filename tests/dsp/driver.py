# SPDX-License-Identifier: MIT
"""Plays the kernel for the DSP model: speaks APR by a socket pair, owns the memory, moves the clock.

Commands, layouts and their order are those of Linux sound/soc/qcom/qdsp6: q6asm, q6asm-dai, q6adm, q6afe.
All times are nanoseconds of the DSP's clock, which stands still unless a test moves it.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import signal
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

APPS_DOMAIN, ADSP_DOMAIN = 5, 4

S = 1_000_000_000
MS = 1_000_000

#: seconds after which something hangs, however busy the machine is
LIMIT = 300

HEADER = struct.Struct("<HHBBHBBHII")
ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "meta-compress-offload/recipes-kernel/virtual-adsp/files/dsp"
MEMORY_SIZE = 16 * 1024 * 1024


class Service(IntEnum):
    """include/dt-bindings/soc/qcom,apr.h"""

    CORE = 3
    AFE = 4
    ASM = 7
    ADM = 8


class Op(IntEnum):
    """q6asm.c; the session time: Qualcomm's msm kernel, include/dsp/apr_audio-v2.h."""

    BASIC = 0x110E8
    OPEN_WRITE = 0x10DB3
    OPEN_READ = 0x10DB4
    FORMAT = 0x10D98
    RUN = 0x10DAA
    PAUSE = 0x10BD3
    FLUSH = 0x10BCE
    CLOSE = 0x10BCD
    EOS = 0x10BDB
    WRITE = 0x10DAB
    WRITE_DONE = 0x10D99
    RENDERED_EOS = 0x10C1C
    MAP = 0x10D92
    MAPPED = 0x10D93
    UNMAP = 0x10D94
    REMOVE_INITIAL = 0x10D67
    REMOVE_TRAILING = 0x10D68
    SESSION_TIME = 0x10D9D
    SESSION_TIME_RSP = 0x10D9E


class Codec(IntEnum):
    """Media formats of q6asm.c."""

    MP3 = 0x10BE9
    FLAC = 0x10C16
    PCM = 0x10DA5
    WMA9 = 0x10DA8
    WMA10 = 0x10DA7
    ALAC = 0x12F31
    APE = 0x12F32
    AAC = 0x10DA6  # Qualcomm's msm-4.9 kernel, include/sound/apr_audio-v2.h


class Status(IntEnum):
    """q6dsp-errno.h"""

    EOK = 0x0
    EFAILED = 0x1
    EBADPARAM = 0x2
    EUNSUPPORTED = 0x3
    ENORESOURCE = 0x7
    EHANDLE = 0x8
    EALREADY = 0x9
    ENOTREADY = 0xA
    EBUSY = 0xC
    EABORTED = 0xD
    ENOTEXIST = 0x15


class Packet(NamedTuple):
    """One APR packet from the DSP."""

    kind: int
    service: int
    port: int
    token: int
    opcode: int
    payload: bytes

    @property
    def status(self) -> tuple[int, int]:
        """Opcode and status of a basic answer."""
        assert self.opcode == Op.BASIC, self
        opcode, status = struct.unpack("<II", self.payload)
        return opcode, status


def packet(
    service: int,
    opcode: int,
    payload: bytes = b"",
    *,
    port: int = 0,
    dest_port: int | None = None,
    token: int = 0,
) -> bytes:
    """A command as apr_send_pkt() makes it."""
    dest_port = port if dest_port is None else dest_port
    size = HEADER.size + len(payload)
    head = HEADER.pack(
        0x250, size, service, APPS_DOMAIN, port, service, ADSP_DOMAIN, dest_port, token, opcode
    )  # fmt: skip
    return head + payload


class Dsp:
    """A running DSP model."""

    def __init__(self, program: Path, folder: Path, *options: str, stepped: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.records = folder / "record"
        self.control = folder / "control"
        self.log = folder / "log"
        memory = folder / "memory"
        with memory.open("wb") as file:
            file.truncate(MEMORY_SIZE)
        with memory.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), MEMORY_SIZE)
        self.link, far_link = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.clock, far_clock = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        clock = ["--clock-fd", str(far_clock.fileno())] if stepped else []
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    program, "--apr-fd", str(far_link.fileno()), "--memory-file", memory, *clock,
                    "--record", self.records, "--control", self.control, *options,
                ],
                stdin=subprocess.DEVNULL, stderr=log, pass_fds=(far_link.fileno(), far_clock.fileno()),
            )  # fmt: skip
        far_link.close()
        far_clock.close()
        self.clock.settimeout(LIMIT)
        self.now = 0
        self.handlers: dict[int, Callable[[Packet], None]] = {}
        self.unexpected: list[Packet] = []
        if stepped:
            self.step(0)

    def close(self) -> int:
        """Stops the program as systemd does; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(LIMIT)
        finally:
            self.process.kill()
            self.link.close()
            self.clock.close()
            self.memory.close()

    def __enter__(self) -> Dsp:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def step(self, until: int) -> None:
        """Let the clock run to *until*, or to the DSP's next deadline if that is earlier."""
        self.clock.send(struct.pack("<Q", until))
        answer = self.clock.recv(8)
        assert answer, f"the DSP has gone: {self.log.read_text()}"
        (self.now,) = struct.unpack("<Q", answer)

    def packets(self) -> Iterator[Packet]:
        """All packets that wait."""
        while True:
            try:
                data = self.link.recv(65536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            assert data, f"the DSP has gone: {self.log.read_text()}"
            yield self.parse(data)

    @staticmethod
    def parse(data: bytes) -> Packet:
        """Check what apr_callback() checks."""
        head, size, src_svc, src_domain, _, dest_svc, dest_domain, port, token, opcode = HEADER.unpack(
            data[: HEADER.size]
        )
        assert size == len(data) > HEADER.size, "apr_callback() drops a packet without payload"
        assert head & 0xFF == 0x50, hex(head)
        assert (src_domain, dest_domain) == (ADSP_DOMAIN, APPS_DOMAIN)
        assert src_svc == dest_svc
        return Packet(head >> 8, src_svc, port, token, opcode, data[HEADER.size :])

    def send(self, data: bytes) -> None:
        """One packet to the DSP, whatever it is."""
        self.link.send(data)

    def handle(self) -> int:
        """Hand all waiting packets to the stream whose port they carry; how many there were."""
        count = 0
        for answer in self.packets():
            count += 1
            handler = self.handlers.get(answer.port)
            if handler:
                handler(answer)
            else:
                self.unexpected.append(answer)
        return count

    def settle(self) -> None:
        """Exchange packets until neither side has more to say, at this moment of the clock."""
        self.step(self.now)
        while self.handle():
            self.step(self.now)

    def run(self, until: int) -> None:
        """Run the clock to *until* and let the streams answer all that happens."""
        self.settle()
        while self.now < until:
            self.step(until)
            self.settle()

    def run_for(self, duration: int) -> None:
        """Run the clock for *duration*."""
        self.run(self.now + duration)

    def run_until(self, reached: Callable[[], bool], limit: int = 600 * S) -> int:
        """Run the clock until *reached*; the time then. Fails after *limit* of the DSP's time."""
        end = self.now + limit
        self.settle()
        while not reached():
            assert self.now < end, f"not reached in {limit / S} s: {self.log.read_text()}"
            self.step(end)
            self.settle()
        return self.now

    def ask(self, service: int, opcode: int, payload: bytes = b"", **header: int) -> list[Packet]:
        """Send a command and return all that comes back at once."""
        self.send(packet(service, opcode, payload, **header))
        self.step(self.now)
        return list(self.packets())

    def status(self, service: int, opcode: int, payload: bytes = b"", **header: int) -> int:
        """Send a command and return the status of its basic answer."""
        (answer,) = self.ask(service, opcode, payload, **header)
        assert answer.token == header.get("token", 0)
        assert answer.status[0] == opcode
        return answer.status[1]

    def command(self, line: str) -> dict[str, Any]:
        """A command on the control socket."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(LIMIT)
            control.connect(str(self.control))
            control.sendall(line.encode() + b"\n")
            with control.makefile() as answer:
                result: dict[str, Any] = json.loads(answer.readline())
        return result

    def map(self, address: int, size: int, session: int = 1) -> int:
        """Map one region; its handle."""
        payload = struct.pack("<HHIIII", 3, 1, 0, address & 0xFFFFFFFF, address >> 32, size)
        (answer,) = self.ask(Service.ASM, Op.MAP, payload, token=session << 8)
        assert answer.opcode == Op.MAPPED and answer.port == 0 and answer.token == session << 8
        handle: int = struct.unpack("<I", answer.payload)[0]
        return handle

    def record(self, number: int = 1) -> Recording:
        """What was recorded of a stream."""
        return Recording(self.records / f"{number:04d}")


@dataclass
class Recording:
    """The folder of a stream."""

    folder: Path

    @property
    def json(self) -> dict[str, Any]:
        result: dict[str, Any] = json.loads((self.folder / "stream.json").read_text())
        return result

    @property
    def input(self) -> bytes:
        return (self.folder / "input.bin").read_bytes()

    @property
    def wav(self) -> Path:
        return self.folder / "rendered.wav"

    def events(self, *names: str) -> list[dict[str, Any]]:
        lines = (self.folder / "events.jsonl").read_text().splitlines()
        return [event for event in map(json.loads, lines) if not names or event["event"] in names]


def open_payload(codec: int, bits: int = 16) -> bytes:
    return struct.pack("<IHHII", 1 << 31, 0, bits, 0x10C68, codec)


def flac_format(
    rate: int = 44100, channels: int = 2, bits: int = 16, blocks: tuple[int, int] = (0, 0)
) -> bytes:
    """The block of q6asm_stream_media_format_block_flac()."""
    block = struct.pack("<HHHH16xIIIHH", 1, channels, *blocks, rate, 0, 0, bits, 0)
    return struct.pack("<I", len(block)) + block


def pcm_format(rate: int = 48000, channels: int = 2, bits: int = 16) -> bytes:
    """The block of q6asm_media_format_block_multi_ch_pcm()."""
    block = struct.pack("<HHIHH8B", channels, bits, rate, 1, 0, 1, 2, 0, 0, 0, 0, 0, 0)
    return struct.pack("<I", len(block)) + block


@dataclass
class Stream:
    """One stream of a session, with a ring of fragments that is written and sent as q6asm-dai.c does.

    *data* is what the application writes; the ring is kept full from it. With *drain* the end of the data is
    followed by EOS. *hold* stops the application: it is the number of bytes that it may have written.
    """

    dsp: Dsp
    data: bytes = b""
    codec: int = Codec.MP3
    format: bytes = b""
    session: int = 4
    id: int = 1
    fragment: int = 8192
    fragments: int = 4
    drain: bool = True
    hold: int | None = None
    address: int = 0x100000

    handle: int = 0
    copied: int = 0  # written to the ring by the application
    sent: int = 0
    lengths: list[int] = field(default_factory=list)  # of all writes
    addresses: list[int] = field(default_factory=list)
    done: list[tuple[int, int, int]] = field(default_factory=list)  # time, token, status
    eos_times: list[int] = field(default_factory=list)
    eos_sent: int = 0
    answers: list[tuple[int, int]] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.session << 8 | self.id

    @property
    def ring_size(self) -> int:
        return self.fragment * self.fragments

    def cmd(self, opcode: int, payload: bytes = b"") -> int:
        """A command that is waited for; its status."""
        self.dsp.handlers[self.port] = self.on_packet
        before = len(self.answers)
        self.dsp.send(packet(Service.ASM, opcode, payload, port=self.port, token=self.session))
        self.dsp.step(self.dsp.now)
        self.dsp.handle()
        ours = [status for answered, status in self.answers[before:] if answered == opcode]
        assert len(ours) == 1, (hex(opcode), self.answers[before:])
        return ours[0]

    def nowait(self, opcode: int, payload: bytes = b"", token: int | None = None) -> None:
        token = self.session if token is None else token
        self.dsp.send(packet(Service.ASM, opcode, payload, port=self.port, token=token))

    def open(self) -> Stream:
        """What q6asm_dai_compr_set_params() does."""
        assert self.cmd(Op.OPEN_WRITE, open_payload(self.codec)) == Status.EOK
        if self.format:
            assert self.cmd(Op.FORMAT, self.format) == Status.EOK
        if not self.handle:
            self.handle = self.dsp.map(self.address, self.ring_size, self.session)
        return self

    def fill(self) -> None:
        """The application writes all that fits."""
        end = len(self.data) if self.hold is None else min(self.hold, len(self.data))
        taken = sum(self.lengths[: len(self.done)])
        end = min(end, taken + self.ring_size)
        while self.copied < end:
            at = self.copied % self.ring_size
            size = min(end - self.copied, self.ring_size - at)
            start = self.address + at
            self.dsp.memory[start : start + size] = self.data[self.copied : self.copied + size]
            self.copied += size

    def send_write(self, length: int, *, flags: int = 0, address: int | None = None) -> None:
        offset = self.sent % self.ring_size
        address = self.address + offset if address is None else address
        # a length of 64 KiB and more overflows the token, as in q6asm_write_async()
        token = (offset // self.fragment | length << 16) & 0xFFFFFFFF
        payload = struct.pack(
            "<IIIIIIII", address & 0xFFFFFFFF, address >> 32, self.handle, length, token & 0xFFFF, 0, 0, flags
        )
        self.nowait(Op.WRITE, payload, token=token)
        self.sent += length
        self.lengths.append(length)
        self.addresses.append(address)

    def pump(self) -> None:
        """Send the next fragment, and EOS behind the last."""
        self.fill()
        length = min(self.fragment, self.copied - self.sent)
        if length > 0:
            self.send_write(length)
        at_end = self.copied == len(self.data) and self.copied - self.sent <= 0
        if self.drain and at_end and self.eos_sent < 2:
            self.nowait(Op.EOS)
            self.eos_sent += 1

    def again(self, data: bytes) -> None:
        """New data for a stream that is drained or flushed, from the start of the ring."""
        self.data, self.hold, self.drain = data, None, True
        self.copied = self.sent = self.eos_sent = 0
        self.lengths, self.addresses, self.done, self.eos_times = [], [], [], []
        self.pump()

    def start(self) -> None:
        self.fill()
        self.dsp.handlers[self.port] = self.on_packet
        self.nowait(Op.RUN, struct.pack("<III", 0, 0, 0))

    def on_packet(self, answer: Packet) -> None:
        if answer.opcode == Op.BASIC:
            self.answers.append(answer.status)
            if answer.status == (Op.RUN, Status.EOK) and not self.sent:
                self.pump()
        elif answer.opcode == Op.WRITE_DONE:
            lsw, msw, handle, status = struct.unpack("<IIII", answer.payload)
            assert handle == self.handle
            assert (msw << 32 | lsw) == self.addresses[len(self.done)]
            self.done.append((self.dsp.now, answer.token, status))
            self.pump()
        elif answer.opcode == Op.RENDERED_EOS:
            assert answer.token == self.session
            self.eos_times.append(self.dsp.now)
        else:
            raise AssertionError(answer)

    def play(self) -> int:
        """Start and run until the end was rendered; the time from start to end."""
        started = self.dsp.now
        self.start()
        self.dsp.run_until(lambda: bool(self.eos_times))
        return self.eos_times[0] - started

    def close(self) -> None:
        assert self.cmd(Op.CLOSE) == Status.EOK
        with contextlib.suppress(KeyError):
            del self.dsp.handlers[self.port]

    def unmap(self) -> None:
        assert (
            self.dsp.status(Service.ASM, Op.UNMAP, struct.pack("<I", self.handle), token=self.session << 8)
            == Status.EOK
        )


@dataclass
class PcmStream(Stream):
    """A PCM stream as event_handler() drives it: one period in flight, the next when that is done.

    The application keeps the ring filled; at the end of the data it stops, as snd_pcm_drain() does, and the
    driver sends one stale period more.
    """

    codec: int = Codec.PCM
    fragment: int = 9600
    delay: Callable[[int], int] = field(default=lambda _: 0)  # ns that period n comes late
    address: int = 0x800000

    def pump(self) -> None:
        number = self.sent // self.fragment
        if self.delay(number):
            self.dsp.run_for(self.delay(number))
        self.fill()
        if self.eos_sent:
            return
        if self.sent >= len(self.data):
            self.nowait(Op.EOS)
            self.eos_sent += 1
        self.send_write(self.fragment)


def build(folder: Path, decoders: str = "avcodec faad") -> Path:
    """Build the DSP model with the sanitizers and those of the optional *decoders*; the program."""
    flags = "-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS")}
    made = subprocess.run(
        ["make", "-C", SOURCE, f"BUILD={folder}", f"CFLAGS={flags}", f"DECODERS={decoders}"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    return folder / "virtual-adsp"
