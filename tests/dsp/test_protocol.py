# SPDX-License-Identifier: MIT
"""Commands of the four services, and everything that the kernel must never send."""

import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.dsp.driver import (
    ADSP_DOMAIN,
    APPS_DOMAIN,
    HEADER,
    MEMORY_SIZE,
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
    pcm_format,
)

QUATERNARY_MI2S_RX = 0x1006


def test_core_says_ready_and_lists_the_services(dsp: Dsp) -> None:
    (state,) = dsp.ask(Service.CORE, 0x1290C)
    assert state.opcode == 0x1290D and struct.unpack("<I", state.payload) == (1,)
    (version,) = dsp.ask(Service.CORE, 0x1292C, token=5)
    assert (version.opcode, version.token, version.kind) == (0x1292D, 5, 1)
    count = struct.unpack_from("<I", version.payload, 16)[0]
    assert len(version.payload) == 20 + 12 * count
    assert {struct.unpack_from("<I", version.payload, 20 + 12 * n)[0] for n in range(count)} == {
        Service.CORE,
        Service.AFE,
        Service.ASM,
        Service.ADM,
    }
    # q6core_callback() falls back on this status
    assert dsp.status(Service.CORE, 0x12905) == Status.EUNSUPPORTED


def i2s_config(rate: int = 48000, bits: int = 16) -> bytes:
    config = struct.pack("<IHHHHIHH", 1, bits, 1, 1, 1, rate, 0, 0)
    return struct.pack("<IIHH", 0x1020C, 0x1020D, len(config), 0) + config


def test_afe_port(dsp: Dsp) -> None:
    config = i2s_config()
    clock = struct.pack("<IIHH", 0x1028F, 0x10290, 24, 0) + bytes(24)
    port = struct.pack("<HH", QUATERNARY_MI2S_RX, 0)
    set_port = struct.pack("<HHIII", QUATERNARY_MI2S_RX, len(config), 0, 0, 0)
    assert (
        dsp.status(Service.AFE, 0x100F3, struct.pack("<IIII", len(clock), 0, 0, 0) + clock, token=0xF1)
        == Status.EOK
    )
    assert dsp.status(Service.AFE, 0x100EF, set_port + config, token=22) == Status.EOK
    assert dsp.status(Service.AFE, 0x100E5, port, token=22) == Status.EOK
    assert dsp.command("status")["ports"] == [{"port": QUATERNARY_MI2S_RX, "rate": 48000, "bits": 16}]
    assert dsp.status(Service.AFE, 0x100E6, port, token=22) == Status.EOK
    assert dsp.command("status")["ports"] == []


def test_afe_vote(dsp: Dsp) -> None:
    (vote,) = dsp.ask(Service.AFE, 0x100F4, bytes(12), token=3)
    # q6afe_callback() takes the second word for the status
    assert vote.opcode == 0x100F5 and struct.unpack("<II", vote.payload)[1] == Status.EOK
    assert dsp.ask(Service.AFE, 0x100F6, bytes(8)) == []


@pytest.mark.parametrize(
    ("opcode", "payload"),
    [
        (0x100E5, b""),
        (0x100E6, b"\1"),
        (0x100EF, bytes(15)),
        (0x100EF, struct.pack("<HHIII", QUATERNARY_MI2S_RX, 32, 0, 0, 0) + bytes(31)),
        (0x100EF, struct.pack("<HHIII", QUATERNARY_MI2S_RX, 4, 0, 0, 0) + bytes(4)),
        (0x100EF, struct.pack("<HHIIIIIHH", QUATERNARY_MI2S_RX, 12, 0, 0, 0, 0x1020C, 0x1020D, 20, 0)),
        (0x100EF, struct.pack("<HHIII", QUATERNARY_MI2S_RX, 32, 0, 0, 9) + i2s_config()),
        (0x100F3, struct.pack("<IIII", 0xFFFFFFFF, 0, 0, 0) + bytes(40)),
    ],
)
def test_afe_bad_parameters(dsp: Dsp, opcode: int, payload: bytes) -> None:
    assert dsp.status(Service.AFE, opcode, payload) == Status.EBADPARAM


def adm_open(dsp: Dsp, index: int = 0) -> int:
    payload = struct.pack("<HHHHIHHI8B", 0, 1, QUATERNARY_MI2S_RX, 0, 0x10312, 2, 16, 48000, 1, 2, *[0] * 6)
    (answer,) = dsp.ask(Service.ADM, 0x10326, payload, port=QUATERNARY_MI2S_RX, token=22 << 16 | index)
    assert (answer.opcode, answer.token) == (0x10329, 22 << 16 | index)
    status, copp, _ = struct.unpack("<IHH", answer.payload)
    assert status == Status.EOK
    return int(copp)


def adm_map(dsp: Dsp, session: int, copps: list[int]) -> int:
    nodes = struct.pack("<HH", session, len(copps)) + b"".join(struct.pack("<H", copp) for copp in copps)
    nodes += bytes(4 * len(copps) - 2 * len(copps))  # the driver leaves room for words
    return dsp.status(Service.ADM, 0x10325, struct.pack("<II", 0, 1) + nodes)


def test_adm_route(dsp: Dsp) -> None:
    copp = adm_open(dsp)
    assert adm_map(dsp, 4, [copp]) == Status.EOK
    (shown,) = dsp.command("status")["copps"]
    assert shown == {"port": QUATERNARY_MI2S_RX, "rate": 48000, "channels": 2, "bits": 16, "sessions": [4]}
    assert dsp.status(Service.ADM, 0x10327, port=22, dest_port=copp, token=22 << 16) == Status.EOK
    assert dsp.command("status")["copps"] == []


def test_adm_refuses(dsp: Dsp) -> None:
    copp = adm_open(dsp)
    assert adm_open(dsp, 1) != copp
    assert adm_map(dsp, 4, [77]) == Status.EHANDLE
    assert adm_map(dsp, 400, [copp]) == Status.EBADPARAM
    assert dsp.status(Service.ADM, 0x10327, dest_port=31) == Status.EHANDLE
    assert dsp.status(Service.ADM, 0x10327, dest_port=0xFFFF) == Status.EHANDLE
    assert dsp.status(Service.ADM, 0x10326, bytes(10)) == Status.EBADPARAM
    assert dsp.status(Service.ADM, 0x10325, struct.pack("<II", 0, 0xFFFFFFFF) + bytes(4)) == Status.EBADPARAM
    assert dsp.status(Service.ADM, 0x10325, struct.pack("<IIHH", 0, 1, 4, 0xFFFF)) == Status.EBADPARAM
    # and runs out of COPPs without harm
    answers = [dsp.ask(Service.ADM, 0x10326, bytes(28))[0] for _ in range(64)]
    assert answers[0].opcode == 0x10329 and answers[-1].opcode == Op.BASIC


def test_mapping(dsp: Dsp) -> None:
    first = dsp.map(0x100000, 0x10000)
    second = dsp.map(0x18_2100_0000, 0x10000, session=2)
    assert first and second and first != second
    assert dsp.status(Service.ASM, Op.UNMAP, struct.pack("<I", first), token=0x100) == Status.EOK
    assert dsp.status(Service.ASM, Op.UNMAP, struct.pack("<I", first), token=0x100) == Status.EHANDLE
    assert dsp.status(Service.ASM, Op.UNMAP, struct.pack("<I", 0)) == Status.EHANDLE
    assert dsp.status(Service.ASM, Op.UNMAP) == Status.EBADPARAM
    assert dsp.status(Service.ASM, Op.MAP, struct.pack("<HHI", 3, 0, 0)) == Status.EBADPARAM
    assert dsp.status(Service.ASM, Op.MAP, struct.pack("<HHI", 3, 2, 0) + bytes(12)) == Status.EBADPARAM
    assert (
        dsp.status(Service.ASM, Op.MAP, struct.pack("<HHI", 3, 65535, 0) + bytes(12 * 300))
        == Status.EBADPARAM
    )
    answers = [
        dsp.ask(Service.ASM, Op.MAP, struct.pack("<HHIIII", 3, 1, 0, 0, 0, 4096))[0] for _ in range(64)
    ]
    assert answers[0].opcode == Op.MAPPED and answers[-1].opcode == Op.BASIC


@pytest.mark.parametrize(
    ("handle_change", "address", "length"),
    [
        (0, 0x0FFFFF, 16),
        (0, 0x100000, 32769),
        (0, 0x107FFF, 2),
        (0, 0x108000, 1),
        (0, 0xFFFFFFFF_FFFFFFFF, 2),
        (0, 0x1_0010_0000, 16),
        (0, 0x100000, 0xFFFFFFFF),
        (1, 0x100000, 16),
        (-1, 0x100000, 16),
    ],
)
def test_write_outside_of_the_mapping(
    dsp: Dsp, mp3: Path, handle_change: int, address: int, length: int
) -> None:
    """It comes back at once with an error, and the stream goes on."""
    stream = Stream(dsp, mp3.read_bytes()).open()
    handle = stream.handle + handle_change
    payload = struct.pack("<IIIIIIII", address & 0xFFFFFFFF, address >> 32, handle, length, 0, 0, 0, 0)
    (answer,) = dsp.ask(Service.ASM, Op.WRITE, payload, port=stream.port, token=0x12340007)
    assert (answer.opcode, answer.token, answer.kind) == (Op.WRITE_DONE, 0x12340007, 0)
    assert struct.unpack("<IIII", answer.payload)[3] == Status.EBADPARAM
    stream.play()
    facts = dsp.record().json
    assert facts["error"] == "Write 0 is outside of the memory that is mapped."
    assert facts["bytes_received"] == len(stream.data) and facts["drained"]


def test_write_to_a_mapping_that_goes_away(dsp: Dsp, mp3: Path) -> None:
    stream = Stream(dsp, mp3.read_bytes(), fragment=32768).open()
    stream.start()
    dsp.settle()
    stream.drain, stream.hold = False, 0
    stream.unmap()
    dsp.run_for(10 * S)
    # the driver goes on with what is in its ring
    assert [status for _, _, status in stream.done] == [
        Status.EFAILED,
        Status.EBADPARAM,
        Status.EBADPARAM,
        Status.EBADPARAM,
    ]
    assert "unmapped" in dsp.record().json["error"]


def test_write_to_memory_that_is_not_there(dsp: Dsp) -> None:
    """Mapped, but beyond what the kernel has."""
    stream = Stream(dsp, b"", address=MEMORY_SIZE - 8192).open()
    stream.drain = False
    stream.cmd(Op.RUN, bytes(12))
    stream.drain = True
    stream.send_write(16384)
    dsp.settle()
    assert stream.done[0][2] == Status.EFAILED
    assert "cannot be read" in dsp.record().json["error"]
    assert stream.eos_times, "the EOS behind it was answered"


def test_empty_write(dsp: Dsp) -> None:
    stream = Stream(dsp, b"", drain=False).open()
    stream.cmd(Op.RUN, bytes(12))
    stream.send_write(0)
    dsp.settle()
    assert [status for _, _, status in stream.done] == [Status.EOK]


def wma_block() -> bytes:
    return struct.pack("<HHIIHHIHH", 0x161, 2, 44100, 16000, 2048, 16, 3, 0, 0)


@pytest.mark.parametrize(
    ("codec", "name", "block"),
    [
        (Codec.WMA9, "wma9", wma_block()),
        (Codec.WMA10, "wma10", wma_block() + bytes(4)),
        (Codec.APE, "ape", struct.pack("<HHIIIIHHII", 3990, 2000, 0, 73728, 1000, 100, 16, 2, 44100, 1)),
    ],
)
def test_codec_without_a_decoder(dsp_of_yocto: Dsp, codec: int, name: str, block: bytes) -> None:
    """Its format is refused, its data too, and the recording says why; an EOS is answered all the same."""
    dsp = dsp_of_yocto
    stream = Stream(dsp, b"x" * 100_000, codec, session=3)
    assert stream.cmd(Op.OPEN_WRITE, open_payload(codec)) == Status.EOK
    assert stream.cmd(Op.FORMAT, struct.pack("<I", len(block)) + block) == Status.EUNSUPPORTED
    stream.handle = dsp.map(stream.address, stream.ring_size)
    stream.start()
    dsp.run_until(lambda: bool(stream.eos_times))
    assert {status for _, _, status in stream.done} == {Status.ENOTREADY}
    facts = dsp.record().json
    assert facts["codec"] == name and facts["codec_id"] == codec
    assert facts["error"] == f"This DSP model has no decoder for {name}."
    assert facts["format"]["rate"] == 44100 and facts["format"]["channels"] == 2
    assert facts["format_hex"] == block.hex()
    assert facts["bytes_received"] == 0


def test_format_that_nobody_knows(dsp: Dsp) -> None:
    assert dsp.status(Service.ASM, Op.OPEN_WRITE, open_payload(0x10BE8), port=0x101) == Status.EUNSUPPORTED
    assert not list(dsp.records.iterdir())


@pytest.mark.parametrize(
    ("codec", "block"),
    [
        (Codec.FLAC, b""),
        (Codec.FLAC, b"\0\0"),
        (Codec.FLAC, flac_format()[:-1]),
        (Codec.FLAC, struct.pack("<I", 0xFFFFFFFF) + flac_format()[4:]),
        (Codec.FLAC, struct.pack("<I", 8) + flac_format()[4:]),
        (Codec.FLAC, struct.pack("<I", 100) + bytes(100)),
        (Codec.FLAC, flac_format(rate=0)),
        (Codec.FLAC, flac_format(rate=0xFFFFFFFF)),
        (Codec.FLAC, flac_format(channels=0)),
        (Codec.FLAC, flac_format(channels=9)),
        (Codec.FLAC, flac_format(bits=33)),
        (Codec.PCM, pcm_format(bits=20)),
        (Codec.PCM, pcm_format(bits=0)),
        (Codec.PCM, pcm_format(channels=0xFFFF)),
    ],
)
def test_bad_media_format(dsp: Dsp, codec: int, block: bytes) -> None:
    assert dsp.status(Service.ASM, Op.OPEN_WRITE, open_payload(codec), port=0x101) == Status.EOK
    assert dsp.status(Service.ASM, Op.FORMAT, block, port=0x101) == Status.EBADPARAM
    assert "not valid" in dsp.record().json["error"]


def test_data_before_the_format(dsp: Dsp) -> None:
    stream = Stream(dsp, b"x" * 10_000, Codec.FLAC).open()
    stream.start()
    dsp.run_until(lambda: bool(stream.eos_times))
    assert {status for _, _, status in stream.done} == {Status.ENOTREADY}
    assert (
        dsp.record().json["error"]
        == "Data came, but there is no decoder for flac without a media format block."
    )


def test_format_in_the_middle_of_the_data(dsp: Dsp, flac: Path) -> None:
    stream = Stream(dsp, flac.read_bytes(), Codec.FLAC, flac_format()).open()
    stream.start()
    dsp.run_for(S)
    assert stream.cmd(Op.FORMAT, flac_format(96000)) == Status.EBUSY


def test_streams_that_are_not_there(dsp: Dsp) -> None:
    for opcode in (
        Op.FORMAT,
        Op.RUN,
        Op.PAUSE,
        Op.FLUSH,
        Op.EOS,
        Op.WRITE,
        Op.SESSION_TIME,
        Op.REMOVE_TRAILING,
    ):
        assert dsp.status(Service.ASM, opcode, bytes(64), port=0x101) == Status.EUNSUPPORTED
    assert dsp.status(Service.ASM, Op.CLOSE, port=0x101) == Status.ENOTEXIST
    for port in (0x001, 0x100, 0x103, 0x901, 0xFF01):
        assert dsp.status(Service.ASM, Op.OPEN_WRITE, open_payload(Codec.MP3), port=port) == Status.EBADPARAM
    assert (
        dsp.status(Service.ASM, Op.OPEN_WRITE, open_payload(Codec.MP3)[:-1], port=0x101) == Status.EBADPARAM
    )
    assert dsp.status(Service.ASM, Op.OPEN_WRITE, open_payload(Codec.MP3), port=0x101) == Status.EOK
    assert dsp.status(Service.ASM, Op.OPEN_WRITE, open_payload(Codec.MP3), port=0x101) == Status.EALREADY
    assert dsp.status(Service.ASM, 0x10FFF, port=0x101) == Status.EUNSUPPORTED
    assert dsp.status(Service.ASM, Op.WRITE, bytes(31), port=0x101) == Status.EBADPARAM
    assert dsp.status(Service.ASM, Op.REMOVE_TRAILING, bytes(3), port=0x101) == Status.EBADPARAM
    assert dsp.status(Service.ASM, Op.CLOSE, port=0x101) == Status.EOK
    assert dsp.status(Service.ASM, Op.CLOSE, port=0x101) == Status.ENOTEXIST


def test_there_is_no_microphone(dsp: Dsp) -> None:
    payload = struct.pack("<IIIIHH", 0, 0, 0x10C68, Codec.PCM, 16, 0)
    assert dsp.status(Service.ASM, Op.OPEN_READ, payload, port=0x101) == Status.EUNSUPPORTED


def header(**change: int) -> bytes:
    fields = {
        "field": 0x250,
        "size": 20,
        "src": Service.CORE,
        "domain": APPS_DOMAIN,
        "port": 0,
        "dest": Service.CORE,
    }
    fields |= change
    return HEADER.pack(
        fields["field"], fields["size"], fields["src"], fields["domain"], fields["port"], fields["dest"],
        ADSP_DOMAIN, 0, 0, 0x1290C,
    )  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        bytes(19),
        bytes(20),
        header(size=0),
        header(size=19),
        header(size=21),
        header(size=0xFFFF),
        header(field=0x200),
        header(field=0x240),
        header(field=0x2F0),
        b"\xff" * 4096,
    ],
)
def test_malformed_packet(dsp: Dsp, data: bytes) -> None:
    dsp.send(data)
    dsp.step(dsp.now)
    assert list(dsp.packets()) == []
    assert "packet of" in dsp.log.read_text()
    assert dsp.ask(Service.CORE, 0x1290C)


def test_service_that_is_not_there(dsp: Dsp) -> None:
    for service in (0, 5, 9, 255):
        assert dsp.status(service, 0x1290C) == Status.EUNSUPPORTED


@pytest.mark.parametrize("seed", range(4))
def test_random_packets(dsp: Dsp, mp3: Path, seed: int) -> None:
    """Commands good and bad, in any order, while a stream plays: no crash, that stream is not disturbed."""
    chance = random.Random(seed)
    stream = Stream(dsp, mp3.read_bytes(), session=8).open()
    handle = dsp.map(0x800000, 0x10000)
    stream.start()
    commands = [Op.RUN, Op.RUN, Op.PAUSE, Op.FLUSH, Op.CLOSE, Op.EOS, Op.SESSION_TIME]
    codecs = [Codec.MP3, Codec.FLAC, Codec.PCM, Codec.PCM, Codec.ALAC]
    formats = [flac_format(), pcm_format(), pcm_format(8000, 1, 24)]
    samples = [0, 1, 1105, 70000]

    def write() -> bytes:
        return struct.pack("<8I", 0x800000, 0, handle, chance.choice([1, 8191, 65536]), 0, 0, 0, 0)

    good: list[Callable[[], tuple[int, bytes]]] = [
        lambda: (Op.OPEN_WRITE, open_payload(chance.choice(codecs))),
        lambda: (Op.FORMAT, chance.choice(formats)),
        lambda: (Op.WRITE, write()),
        lambda: (Op.REMOVE_TRAILING, struct.pack("<I", chance.choice(samples))),
        lambda: (Op.REMOVE_INITIAL, struct.pack("<I", chance.choice(samples))),
        lambda: (chance.choice(commands), bytes(12)),
    ]
    # (not UNMAP: that might hit the memory of the stream)
    opcodes = [
        *(set(Op) - {Op.UNMAP}),
        0x10DEC,
        0x100E5,
        0x100E6,
        0x100EF,
        0x100F3,
        0x100F4,
        0x10325,
        0x10326,
        0x10327,
        0x1290C,
    ]
    words = [
        0,
        1,
        2,
        3,
        44100,
        0x800000,
        0x7FFFFFFF,
        0xFFFFFFFF,
        Codec.MP3,
        Codec.FLAC,
        Codec.PCM,
        Codec.ALAC,
    ]
    dsp.memory[0x800000:0x810000] = chance.randbytes(0x10000)
    for number in range(1500):
        port = chance.randrange(1, 4) << 8 | chance.choice([1, 1, 1, 2, 3])
        if chance.random() < 0.7:
            opcode, payload = chance.choice(good)()
            dsp.send(packet(Service.ASM, opcode, payload, port=port, token=number))
        else:
            payload = b"".join(struct.pack("<I", chance.choice(words)) for _ in range(chance.randrange(12)))
            payload += chance.randbytes(chance.choice([0, 0, 1, 2, 3, 64]))
            service = chance.choice([Service.CORE, Service.AFE, Service.ASM, Service.ADM])
            dsp.send(packet(service, chance.choice(opcodes), payload, port=port, token=number))
        if number % 7 == 0:
            dsp.run_for(10 * MS)
    dsp.run_until(lambda: bool(stream.eos_times))
    facts = dsp.record().json
    assert (facts["error"], facts["underruns"], facts["drained"]) == (None, 0, True)
    assert dsp.record().input == stream.data
    assert {answer.opcode for answer in dsp.unexpected} >= {Op.BASIC, Op.WRITE_DONE, Op.RENDERED_EOS}
