# SPDX-License-Identifier: MIT
"""Sessions and streams: run, pause, flush, end, underrun, session time, gapless."""

import struct
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.dsp.audio import Media, decode, difference
from tests.dsp.driver import (
    MS,
    Codec,
    Dsp,
    Op,
    PcmStream,
    S,
    Service,
    Status,
    Stream,
    flac_format,
    packet,
    pcm_format,
)

TIME = struct.Struct("<IIIII")


def flac_stream(dsp: Dsp, path: Path, **options: object) -> Stream:
    return Stream(dsp, path.read_bytes(), Codec.FLAC, flac_format(), **options)  # type: ignore[arg-type]


def session_time(dsp: Dsp, stream: Stream) -> tuple[int, int]:
    """Session and absolute time, microseconds."""
    (answer,) = dsp.ask(Service.ASM, Op.SESSION_TIME, port=stream.port, token=77)
    assert answer.opcode == Op.SESSION_TIME_RSP and answer.token == 77 and answer.kind == 1
    status, *words = TIME.unpack(answer.payload)
    assert status == Status.EOK
    return words[0] | words[1] << 32, words[2] | words[3] << 32


def test_nothing_is_taken_before_run(dsp: Dsp, flac: Path) -> None:
    stream = flac_stream(dsp, flac).open()
    stream.fill()
    dsp.handlers[stream.port] = stream.on_packet
    stream.send_write(stream.fragment)
    dsp.run_for(10 * S)
    assert not stream.done
    stream.drain = False
    started = dsp.now
    assert stream.cmd(Op.RUN, bytes(12)) == Status.EOK
    dsp.run_for(S)
    assert stream.done and stream.done[0][0] == started


def test_pause_stops_the_clock(dsp: Dsp, flac: Path) -> None:
    stream = flac_stream(dsp, flac).open()
    started = dsp.now
    stream.start()
    dsp.run_for(3 * S)
    assert stream.cmd(Op.PAUSE) == Status.EOK
    assert session_time(dsp, stream) == (3_000_000, dsp.now // 1000)
    done = len(stream.done)
    dsp.run_for(5 * S)
    assert session_time(dsp, stream) == (3_000_000, dsp.now // 1000)
    assert len(stream.done) == done
    assert dsp.command("status")["streams"][0]["state"] == "paused"
    assert stream.cmd(Op.RUN, bytes(12)) == Status.EOK
    dsp.run_until(lambda: bool(stream.eos_times))
    assert abs(stream.eos_times[0] - started - 17 * S) <= 1000
    record = dsp.record()
    assert [event["frames"] for event in record.events("pause")] == [3 * 44100]
    assert record.json["underruns"] == 0 and record.json["drained"]
    assert difference(decode(record.wav, 2), decode(flac, 2)) == 0


@pytest.mark.parametrize("pauses", [40])
def test_many_pauses_do_not_drift(dsp: Dsp, flac: Path, pauses: int) -> None:
    stream = flac_stream(dsp, flac).open()
    started = dsp.now
    stream.start()
    for number in range(pauses):
        dsp.run_for((200 + 7 * (number % 5)) * MS)
        assert stream.cmd(Op.PAUSE) == Status.EOK
        dsp.run_for(11 * MS)
        assert stream.cmd(Op.RUN, bytes(12)) == Status.EOK
    dsp.run_until(lambda: bool(stream.eos_times))
    # each pause may cost the fraction of a frame
    assert abs(stream.eos_times[0] - started - 12 * S - pauses * 11 * MS) <= pauses * S // 44100
    assert difference(decode(dsp.record().wav, 2), decode(flac, 2)) == 0


def test_session_time_counts_what_is_rendered(dsp: Dsp, flac: Path) -> None:
    stream = flac_stream(dsp, flac, hold=40_000).open()
    assert session_time(dsp, stream)[0] == 0
    stream.start()
    dsp.run_for(250 * MS)
    assert session_time(dsp, stream)[0] in (250_000, 249_977)
    dsp.run_for(20 * S)
    stalled = session_time(dsp, stream)[0]
    assert 250_000 < stalled < 2_000_000
    assert stalled == dsp.command("status")["streams"][0]["frames_rendered"] * 1_000_000 // 44100


def test_a_record_of_a_stream_that_goes_on_is_what_it_says(dsp: Dsp, flac: Path) -> None:
    flac_stream(dsp, flac, hold=40_000).open().start()
    dsp.run_for(20 * S)
    record = dsp.record()
    assert record.json["underruns"] == 1 and record.json["bytes_received"] == len(record.input) > 0
    assert record.json["frames_rendered"] == len(decode(record.wav, 2)) > 0


def test_underrun_is_counted_once_and_loses_nothing(dsp: Dsp, flac: Path) -> None:
    stream = flac_stream(dsp, flac, hold=24 * 8192).open()
    started = dsp.now
    stream.start()
    dsp.run_for(20 * S)
    record = dsp.record()
    assert not stream.eos_times
    stream.hold = None
    stream.pump()
    resumed = dsp.now
    dsp.run_until(lambda: bool(stream.eos_times))
    (gap,) = record.events("underrun")
    facts = record.json
    assert facts["underruns"] == 1 and facts["error"] is None and facts["drained"]
    assert difference(decode(record.wav, 2), decode(flac, 2)) == 0
    # the clock stood still from the last frame until there was data again
    ended_at = started + gap["frames"] * S // 44100
    assert abs(gap["t_us"] * 1000 - ended_at - 10 * MS) <= 2000
    assert abs(stream.eos_times[0] - started - 12 * S - (resumed - ended_at)) <= 30_000


def test_flush_drops_everything_and_gives_the_buffers_back(dsp: Dsp, flac: Path, media: Media) -> None:
    stream = flac_stream(dsp, flac, drain=False).open()
    stream.start()
    dsp.run_for(2 * S)
    stream.hold = stream.copied = stream.sent  # no more writes
    stream.data = b""
    stream.nowait(Op.EOS)
    done = len(stream.done)
    assert stream.cmd(Op.FLUSH) == Status.EOK
    assert [status for _, _, status in stream.done[done:]] in ([], [Status.EABORTED])
    assert len(stream.done) == len(stream.lengths)
    assert stream.eos_times == [dsp.now]
    facts = dsp.record().json
    assert not facts["drained"] and facts["frames_rendered"] == 2 * 44100
    dsp.run_for(5 * S)
    assert dsp.command("status")["streams"][0]["frames_rendered"] == 2 * 44100
    (event,) = dsp.record().events("flush")
    assert event["frames"] > 0
    # and the stream plays on with new data, from its start
    again = media("short.flac", seconds=1)
    started = dsp.now
    stream.again(again.read_bytes())
    dsp.run_until(lambda: bool(stream.eos_times))
    assert abs(stream.eos_times[0] - started - S) <= 1000
    rendered = decode(dsp.record().wav, 2)
    assert difference(rendered, np.concatenate([decode(flac, 2)[: 2 * 44100], decode(again, 2)])) == 0
    # what was dropped was received all the same
    facts = dsp.record().json
    assert len(dsp.record().input) == facts["bytes_received"]


@pytest.mark.parametrize("running", [False, True])
def test_eos_without_data_is_answered_at_once(dsp: Dsp, running: bool) -> None:
    stream = Stream(dsp, b"").open()
    if running:
        assert stream.cmd(Op.RUN, bytes(12)) == Status.EOK
    stream.eos_times.clear()
    stream.nowait(Op.EOS)
    dsp.settle()
    assert stream.eos_times[:1] == [dsp.now]


def test_both_eos_of_a_drain_are_answered_together(dsp: Dsp, flac: Path) -> None:
    stream = flac_stream(dsp, flac).open()
    stream.play()
    assert stream.eos_sent == 2
    assert stream.eos_times == [stream.eos_times[0]] * 2
    assert len(dsp.record().events("eos_rendered")) == 2


def test_data_behind_eos_waits_for_run(dsp: Dsp, media: Media) -> None:
    """STOP sends EOS; what the driver still sends is not heard before the next START."""
    path = media("short.flac", seconds=1)
    stream = flac_stream(dsp, path).open()
    stream.play()
    stream.again(path.read_bytes())
    dsp.run_for(5 * S)
    facts = dsp.record().json
    assert facts["drained"] and facts["frames_rendered"] == 44100
    assert stream.cmd(Op.RUN, bytes(12)) == Status.EOK
    started = dsp.now
    dsp.run_until(lambda: bool(stream.eos_times))
    assert dsp.record().json["frames_rendered"] == 2 * 44100
    assert abs(stream.eos_times[0] - started - S) <= 1000
    once = decode(path, 2)
    assert difference(decode(dsp.record().wav, 2), np.concatenate([once, once])) == 0


def test_resume_in_the_tail_is_no_underrun(dsp: Dsp, media: Media) -> None:
    """The EOS is decoded already, and RUN comes for the pause, not for new data."""
    path = media("short.flac", seconds=1)
    stream = flac_stream(dsp, path).open()
    stream.start()
    dsp.run_for(900 * MS)
    assert stream.cmd(Op.PAUSE) == Status.EOK
    dsp.run_for(S)
    assert stream.cmd(Op.RUN, bytes(12)) == Status.EOK
    dsp.run_until(lambda: bool(stream.eos_times))
    dsp.run_for(S)
    assert dsp.record().json["underruns"] == 0


def test_gapless(dsp: Dsp, media: Media) -> None:
    """Two tracks in two streams of a session: the second gets no RUN and starts when the first one ends."""
    first, second = media("first.flac", seconds=2), media("second.flac", seconds=3)
    one = flac_stream(dsp, first).open()
    one.start()
    dsp.run_for(S)
    two = flac_stream(dsp, second, id=2, address=0x400000, drain=True).open()
    dsp.handlers[two.port] = two.on_packet
    two.pump()
    dsp.run_until(lambda: bool(two.eos_times))
    assert abs(two.eos_times[0] - one.eos_times[0] - 3 * S) <= 1000
    assert abs(session_time(dsp, two)[0] - 5_000_000) <= 1
    one.close()
    assert abs(session_time(dsp, two)[0] - 5_000_000) <= 1
    two.close()
    assert difference(decode(dsp.record(1).wav, 2), decode(first, 2)) == 0
    assert difference(decode(dsp.record(2).wav, 2), decode(second, 2)) == 0
    assert [dsp.record(number).json["underruns"] for number in (1, 2)] == [0, 0]
    assert (dsp.record(2).json["session"], dsp.record(2).json["stream_id"]) == (4, 2)


def test_silence_is_removed_at_both_ends(dsp: Dsp, mp3: Path) -> None:
    """What the encoder added at both ends, told as ALSA's gapless metadata: just that is not rendered."""
    whole = decode(mp3, 2)
    delay, padding = 1105, 1371
    stream = Stream(dsp, mp3.read_bytes()).open()
    assert stream.cmd(Op.REMOVE_INITIAL, struct.pack("<I", delay)) == Status.EOK
    assert stream.cmd(Op.REMOVE_TRAILING, struct.pack("<I", padding)) == Status.EOK
    duration = stream.play()
    rendered = decode(dsp.record().wav, 2)
    assert difference(rendered, whole[delay:-padding]) <= 2
    assert abs(duration - len(rendered) * S // 44100) <= 1000
    assert [
        (event["where"], event["samples"], event["applied"]) for event in dsp.record().events("silence")
    ] == [
        ("initial", delay, True),
        ("trailing", padding, True),
    ]
    # they are for one track only
    stream.again(mp3.read_bytes())
    assert stream.cmd(Op.RUN, bytes(12)) == Status.EOK
    dsp.run_until(lambda: bool(stream.eos_times))
    assert dsp.record().json["frames_rendered"] == len(rendered) + len(whole)


def test_silence_that_cannot_be_removed(dsp: Dsp, mp3: Path) -> None:
    stream = Stream(dsp, mp3.read_bytes()).open()
    assert stream.cmd(Op.REMOVE_TRAILING, struct.pack("<I", 0xFFFFFFFF)) == Status.EBADPARAM
    stream.start()
    dsp.run_for(S)
    assert stream.cmd(Op.REMOVE_INITIAL, struct.pack("<I", 1105)) == Status.ENOTREADY
    dsp.run_until(lambda: bool(stream.eos_times))
    assert dsp.record().json["frames_rendered"] == len(decode(mp3, 2))
    assert [event["applied"] for event in dsp.record().events("silence")] == [False, False]


def test_more_silence_than_there_is_audio(dsp: Dsp, media: Media) -> None:
    stream = flac_stream(dsp, media("short.flac", seconds=1)).open()
    assert stream.cmd(Op.REMOVE_TRAILING, struct.pack("<I", 65536)) == Status.EOK
    assert stream.play() == 0
    facts = dsp.record().json
    assert facts["frames_rendered"] == 0 and facts["drained"] and facts["error"] is None


def test_late_reading_shows_what_was_overwritten(dsp: Dsp, mp3: Path) -> None:
    """The bytes are taken when the decoder wants them, not when the write comes."""
    stream = Stream(dsp, mp3.read_bytes(), fragment=32768).open()
    stream.start()
    dsp.settle()
    start = stream.address + 32768 - 100
    dsp.memory[start : start + 100] = bytes(range(100))
    dsp.run_until(lambda: len(stream.done) == 1)
    dsp.run_until(lambda: bool(stream.eos_times))
    data = bytearray(stream.data)
    data[32768 - 100 : 32768] = bytes(range(100))
    assert dsp.record().input == data


def test_close_in_the_middle(dsp: Dsp, flac: Path) -> None:
    stream = flac_stream(dsp, flac).open()
    stream.start()
    dsp.run_for(1500 * MS)
    stream.close()
    record = dsp.record()
    facts = record.json
    assert facts["state"] == "closed" and not facts["drained"] and not facts["eos"] and facts["error"] is None
    assert facts["frames_rendered"] == 66150
    assert facts["closed_us"] == dsp.now // 1000
    assert difference(decode(record.wav, 2), decode(flac, 2)[:66150]) == 0
    assert record.input == stream.data[: facts["bytes_received"]]
    dsp.run_for(5 * S)
    assert not dsp.unexpected


def test_streams_are_numbered(dsp: Dsp, media: Media) -> None:
    for _ in range(3):
        stream = flac_stream(dsp, media("short.flac", seconds=1), session=2).open()
        stream.play()
        stream.close()
        stream.unmap()
    assert sorted(path.name for path in dsp.records.iterdir()) == ["0001", "0002", "0003"]
    assert [dsp.record(number).json["stream"] for number in (1, 2, 3)] == [1, 2, 3]


def test_sessions_are_independent(dsp: Dsp, flac: Path, mp3: Path) -> None:
    music = flac_stream(dsp, flac).open()
    other = Stream(dsp, mp3.read_bytes(), session=8, address=0x200000).open()
    samples = np.random.default_rng(3).integers(-32768, 32768, (96000, 2))
    beep = PcmStream(
        dsp, samples.astype("<i2").tobytes(), format=pcm_format(), session=1, fragment=19200
    ).open()
    started = dsp.now
    music.start()
    dsp.run_for(S)
    beep.start()
    other.start()
    dsp.run_for(S // 2)
    assert other.cmd(Op.PAUSE) == Status.EOK
    dsp.run_until(lambda: bool(music.eos_times and beep.eos_times))
    assert abs(music.eos_times[0] - started - 12 * S) <= 1000
    assert abs(beep.eos_times[0] - started - 3 * S) <= 1000
    assert not other.eos_times
    assert difference(decode(dsp.record(3).wav, 2), samples) == 0


def test_stop_in_mid_play_keeps_the_recording(start: Callable[..., Dsp], flac: Path) -> None:
    dsp = start()
    stream = flac_stream(dsp, flac).open()
    stream.start()
    dsp.run_for(S)
    assert dsp.close() == 0
    facts = dsp.record().json
    assert facts["error"] == "The DSP was stopped with the stream open."
    assert facts["frames_rendered"] == 44100
    assert difference(decode(dsp.record().wav, 2), decode(flac, 2)[:44100]) == 0
    # a new program goes on counting: what was recorded stays
    again = start()
    flac_stream(again, flac).open().close()
    assert sorted(path.name for path in again.records.iterdir()) == ["0001", "0002"]


def test_times_in_the_recording(dsp: Dsp, flac: Path) -> None:
    stream = flac_stream(dsp, flac).open()
    opened = dsp.now
    dsp.run_for(2 * S)
    stream.play()
    dsp.run_for(S)
    stream.close()
    facts = dsp.record().json
    assert facts["opened_us"] == opened // 1000
    assert facts["run_us"] == (opened + 2 * S) // 1000
    assert facts["eos_rendered_us"] == stream.eos_times[0] // 1000
    assert facts["closed_us"] == stream.eos_times[0] // 1000 + 1_000_000
    assert facts["run_us"] < facts["eos_us"] < facts["eos_rendered_us"]
    assert all(left["t_us"] <= right["t_us"] for left, right in pairwise(dsp.record().events()))


def test_close_answers_even_if_the_driver_does_not_wait(dsp: Dsp, flac: Path) -> None:
    """After a partial drain the driver closes the old stream from its callback."""
    stream = flac_stream(dsp, flac).open()
    stream.start()
    dsp.run_for(S)
    dsp.send(packet(Service.ASM, Op.CLOSE, port=stream.port, token=stream.session))
    dsp.settle()
    assert stream.answers[-1] == (Op.CLOSE, Status.EOK)


def test_eos_is_answered_before_a_close_right_behind_it(dsp: Dsp, media: Media) -> None:
    """The end of a PCM stream: all is rendered, and STOP and the closing of the device come at once."""
    stream = flac_stream(dsp, media("short.flac", seconds=1), drain=False).open()
    stream.start()
    dsp.run_for(5 * S)
    stream.nowait(Op.EOS)
    stream.nowait(Op.CLOSE)
    dsp.settle()
    assert stream.eos_times == [dsp.now]
    assert dsp.record().json["drained"]


def test_all_that_is_whole_is_heard_before_more_comes(dsp: Dsp, flac: Path) -> None:
    """The FLAC decoder likes to see more than a frame; with nothing more queued it takes what it has."""
    given = 3 * 8192
    stream = flac_stream(dsp, flac, hold=given).open()
    stream.start()
    dsp.run_for(20 * S)
    frames = dsp.command("status")["streams"][0]["frames_rendered"]
    data = flac.read_bytes()
    # each frame of this file starts with the same two bytes of sync and blocking strategy
    whole = [at for at in range(given) if data[at : at + 2] == b"\xff\xf8"]
    assert frames % 4608 == 0
    # the sync may occur inside of a frame, too; the last one is not whole
    assert len(whole) - 3 <= frames // 4608 <= len(whole) - 1
