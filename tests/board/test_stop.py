# SPDX-License-Identifier: MIT
"""Stopping, starting again, pausing in a drain, and two clients at once."""

import pytest
from support.compress import assert_good, by_name

pytestmark = pytest.mark.lg_feature("dsp-record")


@pytest.fixture
def kernel_is_content(remote):
    """The kernel has nothing to complain of in this test."""
    remote.run_check("dmesg --clear")
    yield
    complaints = remote.run_check("dmesg --level emerg,alert,crit,err,warn")
    assert complaints == ""


@pytest.mark.parametrize("after", [0, 150, 1200])
def test_stop_drops_what_was_written(bare, compress_client, recorded, after):
    """As for a seek: the device then takes and plays a file from its first byte."""
    file, arguments = bare("again.mp3", seconds=5)
    events = compress_client("restart", "--after", after, *arguments)
    (stop,), (drained,) = by_name(events, "stop"), by_name(events, "drained")
    assert (stop["copied_total"], stop["pcm_io_frames"]) == (0, 0)
    assert drained["copied_total"] == len(file.payload)
    (record,) = recorded()
    assert record.received.endswith(file.payload)
    assert len(record.received) <= len(file.payload) + 4 * 8192
    assert record.stream["drained"] and len(by_name(record.events, "eos")) == 1
    # What was heard before the stop is not counted, nor is it played twice.
    assert drained["pcm_io_frames"] == len(file.pcm)
    assert len(record.rendered) - len(file.pcm) == pytest.approx(after * file.rate / 1000, abs=4410)


def test_two_hundred_stops(bare, compress_client, recorded, kernel_is_content):
    """In one open device, as for somebody who cannot decide. Each start begins at 0."""
    file, arguments = bare("again.mp3", seconds=3)
    events = compress_client("restart", "--count", 200, "--after", 20, *arguments)
    stops, (drained,) = by_name(events, "stop"), by_name(events, "drained")
    assert {(stop["copied_total"], stop["pcm_io_frames"]) for stop in stops} == {(0, 0)}
    assert len(stops) == 200
    assert (drained["copied_total"], drained["pcm_io_frames"]) == (len(file.payload), len(file.pcm))
    (record,) = recorded()
    assert record.received.endswith(file.payload)
    assert record.stream["drained"] and record.stream["underruns"] == 0


@pytest.mark.parametrize("after", [50, 200, 700])
def test_pause_in_a_drain(bare, compress_client, recorded, after):
    file, arguments = bare("tail.mp3", seconds=3)
    compress_client("drain-pause", "--after", after, "--pause-ms", 900, *arguments)
    records = recorded()
    assert_good(file, records)
    assert records[0].playing_s == pytest.approx(len(file.pcm) / file.rate + 0.9, abs=0.2)


def test_two_clients(bare, compress_client, recorded, remote):
    """One plays on undisturbed, the other gets a clear answer."""
    file, arguments = bare("busy.mp3", seconds=6)
    first = f"compress-client play {' '.join(map(str, arguments))}"
    # In one command: while the lab looks away, the board may have played the file to its end.
    second = remote.run(
        f"{first} >/dev/null & sleep 1; compress-client caps && exit; compress-client caps; wait"
    )
    assert second.text == "" and second.stderr.count("Device or resource busy") == 2
    assert_good(file, recorded())
    compress_client("caps")


def available(remote):
    """Kilobytes of memory."""
    (line,) = [x for x in remote.run_check("cat /proc/meminfo").splitlines() if x.startswith("MemAvailable")]
    return int(line.split()[1])


def test_five_hundred_cycles(bare, compress_client, remote, kernel_is_content):
    _, arguments = bare("cycle.mp3", seconds=2)
    compress_client("cycle", "--count", 10, *arguments)
    before = available(remote)
    compress_client("cycle", "--count", 500, "--after", 30, *arguments)
    # What the DSP records goes to a file system in memory.
    remote.run_check("rm -rf /run/virtual-adsp/record/*")
    assert before - available(remote) < 20_000, "the device keeps memory"
