# SPDX-License-Identifier: MIT
"""Files that pw-cat plays in a row: without a gap if the device can do that, else one by one."""

import itertools

import numpy as np
import pytest
from support.compress import by_name
from support.media import make

from lab.playback import media

pytestmark = pytest.mark.lg_feature("dsp-record")

#: Samples that LAME puts in front, with those that a decoder is late by.
DELAY = 1105


@pytest.fixture
def in_a_row(perform, remote, recorded):
    """Plays files one after the other; the outcome and the DSP's streams."""

    def in_a_row(paths, steps="", options=()):
        first = []
        for number, path in enumerate(paths[:-1]):
            first.append(f"/tmp/{number}{path.suffix}")
            remote.put(path, first[-1])
        outcome = perform(paths[-1], steps, (*options, *first))
        assert outcome.playback.error is None
        return recorded()

    return in_a_row


def part(folder, number, start, end, **options):
    """Samples *start* to *end* of the tests' source, as a file of its own."""
    cut = ("-af", f"atrim=start_sample={start}:end_sample={end}", *options.pop("options", ()))
    return make(folder / f"part{number}.mp3", seconds=end / 44100, options=cut, **options)


def assert_gapless(records):
    """Each stream is opened before the one before it has ended, and none ever waits for data."""
    assert [record.stream["underruns"] for record in records] == [0] * len(records)
    assert all(record.stream["drained"] and record.stream["error"] is None for record in records)
    for one, two in itertools.pairwise(records):
        assert two.stream["opened_us"] < one.stream["eos_rendered_us"]


@pytest.mark.parametrize("latency", ["60s", "50ms"])
@pytest.mark.parametrize("ends", [(1.5, 2.8, 4.7), (2.5, 2.7, 4), (14, 32, 40)], ids=str)
def test_an_album_is_one_piece(in_a_row, tmp_path, ends, latency):
    """What is heard is what was recorded, sample for sample."""
    whole = make(tmp_path / "whole.wav", seconds=ends[-1])
    source = np.frombuffer(media.read(whole).payload, "<i2").reshape(-1, 2)
    cuts = [0, *(round(end * 44100) for end in ends)]
    paths = [part(tmp_path, n, *edges) for n, edges in enumerate(itertools.pairwise(cuts))]
    records = in_a_row(paths, options=("--latency", latency))
    files = [media.read(path) for path in paths]
    assert [record.received for record in records] == [file.payload for file in files]
    for file, record, (start, end) in zip(files, records, itertools.pairwise(cuts), strict=True):
        expected = file.pcm[DELAY : DELAY + end - start]
        assert len(record.rendered) == end - start
        assert np.abs(record.rendered - expected).max() <= 2
    heard = np.concatenate([record.rendered for record in records])
    assert len(heard) == len(source)
    for joint in cuts[1:-1]:
        near = slice(joint - 400, joint + 400)
        assert np.corrcoef(heard[near, 0], source[near, 0])[0, 1] > 0.9
    assert_gapless(records)


def test_a_single_file_loses_its_edges(in_a_row, tmp_path):
    path = make(tmp_path / "a.mp3", seconds=3)
    (record,) = in_a_row([path])
    assert len(record.rendered) == 3 * 44100
    assert len(by_name(record.events, "silence")) == 2


def test_flac_in_a_row(in_a_row, tmp_path):
    """Nothing to cut, but a decoder must start anew."""
    paths = [make(tmp_path / f"{n}.flac", seconds=seconds) for n, seconds in enumerate((3, 2))]
    records = in_a_row(paths)
    for path, record in zip(paths, records, strict=True):
        file = media.read(path)
        assert record.received == file.payload
        assert np.array_equal(record.rendered, file.pcm)
    assert_gapless(records)


def test_other_formats_in_between(in_a_row, tmp_path):
    """The device is drained and opened anew for another rate, another codec, and the first one again."""
    paths = [
        make(tmp_path / "1.mp3", seconds=2),
        make(tmp_path / "2.mp3", seconds=2, rate=48000),
        make(tmp_path / "3.flac", seconds=2),
        make(tmp_path / "4.mp3", seconds=2),
        make(tmp_path / "5.mp3", seconds=1.5),
    ]
    records = in_a_row(paths)
    assert [record.received for record in records] == [media.read(path).payload for path in paths]
    assert [record.stream["rate"] for record in records] == [44100, 48000, 44100, 44100, 44100]
    assert all(record.stream["drained"] for record in records)
    assert [len(record.rendered) for record in records] == [88200, 96000, 88200, 88200, 66150]
    for one, two in itertools.pairwise(records[:4]):
        assert one.stream["closed_us"] <= two.stream["opened_us"]
    assert_gapless(records[3:])


@pytest.fixture
def refused(control):
    """The DSP refuses to open its n-th stream from now on, for each of *numbers*."""

    def refused(*numbers):
        for number in numbers:
            control.order(f"fault open:{number} status:1")

    yield refused
    control.order("no-faults")


@pytest.mark.lg_feature("dsp-control")
@pytest.mark.parametrize("numbers", [(2,), (2, 4)], ids=["once", "each time"])
def test_a_device_that_refuses_the_next_track(in_a_row, refused, tmp_path, numbers):
    """It is drained and opened anew: with a gap, but all of each file is heard, without its edges."""
    paths = [make(tmp_path / f"{n}.mp3", seconds=seconds) for n, seconds in enumerate((2.5, 2, 3))]
    refused(*numbers)
    records = in_a_row(paths)
    assert [record.received for record in records] == [media.read(path).payload for path in paths]
    assert [len(record.rendered) for record in records] == [110250, 88200, 132300]
    assert all(record.stream["drained"] and record.stream["error"] is None for record in records)
    for number, (one, two) in enumerate(itertools.pairwise(records)):
        apart = one.stream["closed_us"] <= two.stream["opened_us"]
        assert apart == (number < len(numbers))


def test_back_to_the_track_that_is_heard(in_a_row, tmp_path):
    """The next one is sent already when the cursor key is pressed."""
    paths = [
        make(tmp_path / f"{n}.mp3", seconds=seconds, options=("-b:a", "128k"))
        for n, seconds in enumerate((20, 10))
    ]
    first, second = (media.read(path).payload for path in paths)
    records = in_a_row(paths, r"sleep 18; printf '\033[D' >&4", ("--keys",))
    heard = [record for record in records if len(record.rendered)]
    assert len(heard) == 3
    again = first.find(heard[1].received)
    assert again / 16000 == pytest.approx(8, abs=1)
    assert again + len(heard[1].received) == len(first)
    assert heard[2].received == second
    assert len(heard[0].rendered) / 44100 == pytest.approx(18, abs=1)


@pytest.mark.parametrize("moment", [0.3, 2.7, 3.1, 3.6])
def test_pause_around_a_joint(in_a_row, tmp_path, moment):
    """Before the next track is known to the device, while it waits for it, and behind."""
    paths = [make(tmp_path / f"{n}.mp3", seconds=seconds) for n, seconds in enumerate((3, 2))]
    records = in_a_row(paths, f"sleep {moment}; printf ' ' >&4; sleep 2; printf ' ' >&4", ("--keys",))
    assert [record.received for record in records] == [media.read(path).payload for path in paths]
    assert [len(record.rendered) for record in records] == [3 * 44100, 2 * 44100]
    assert_gapless(records)
