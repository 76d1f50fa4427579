# SPDX-License-Identifier: MIT
"""Every codec through the compress device, without PipeWire: parameters, bytes and PCM."""

import pytest
from support import codec_params
from support.codec_cases import CASES, comparison, outcomes, table, through_gstreamer, through_pipewire
from support.compress import by_name

from lab.paths import ROOT
from lab.playback import media
from lab.playback.verdict import judge

pytestmark = pytest.mark.lg_feature("dsp-record")


def arguments(file, **changes):
    """compress-client's options for a file; *changes* to the fields of snd_codec."""
    fields = codec_params.parameters(file) | changes
    sets = [f"--set={name}={value}" for name, value in fields.items()]
    # while the DSP model's code comes from a slow disk, the board's virtual time may leap
    return ["-c", file.codec, "-r", file.rate, "-n", file.channels, "--timeout", 3600, *sets]


@pytest.fixture
def packets(tmp_path, remote):
    """Puts the packets of a file on the board; their name there."""

    def packets(file):
        path = tmp_path / "packets"
        path.write_bytes(file.payload)
        remote.put(path, "/tmp/packets")
        return "/tmp/packets"

    return packets


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_codec(case, tmp_path, packets, compress_client, recorded):
    outcomes[case.id] = "**fails**"
    file = media.read(case.file(tmp_path))
    assert (file.rate, file.channels, file.bits) == (case.rate, case.channels, case.bits or 16)
    events = compress_client("play", *arguments(file), packets(file))
    assert by_name(events, "drained")[0]["copied_total"] == len(file.payload)
    records = recorded()
    assert records[0].stream["codec"] == codec_params.dsp_codec(file)
    assert records[0].stream["format"] == codec_params.block(file)
    verdict = judge(file, records)
    assert verdict.error is None
    assert verdict.bytes_identical and verdict.drained and verdict.frames_rendered == len(file.pcm)
    outcomes[case.id] = comparison(verdict)


def test_the_wrong_depth_is_heard(tmp_path, packets, compress_client, recorded):
    """The counterpart of ALAC with 24 bits: the decoder needs to be told."""
    (case,) = (case for case in CASES if (case.codec, case.rate, case.bits) == ("ALAC", 48000, 24))
    file = media.read(case.file(tmp_path))
    compress_client("play", *arguments(file, pcm_format=0), packets(file))
    (record,) = recorded()
    assert record.stream["format"]["bits"] == 16
    assert judge(file, [record]).error


@pytest.mark.parametrize(
    ("codec", "fields", "said"),
    [
        ("wma", {}, "Invalid argument"),
        ("wma", {"profile": 1}, "Invalid argument"),
        ("aac", {}, "Invalid argument"),
        ("alac", {}, "Input/output error"),
        ("ape", {}, "Input/output error"),
    ],
)
def test_codecs_without_their_parameters_are_refused(remote, codec, fields, said):
    sets = " ".join(f"--set={name}={value}" for name, value in fields.items())
    result = remote.run(f"compress-client params -c {codec} {sets}", timeout=60)
    assert result.code == 1
    assert f"the device refuses {codec} at 44100 Hz with 2 channels: {said}" in result.stderr
    # and it can be used afterwards
    assert remote.run("compress-client params -c mp3", timeout=60).code == 0


@pytest.mark.afterwards
def test_the_table_in_the_docs(run_folder):
    """docs/codecs.md has the table that these tests and those through PipeWire and GStreamer make."""
    columns = (outcomes, through_pipewire, through_gstreamer)
    if any(set(column) != {case.id for case in CASES} for column in columns):
        pytest.skip(
            "the table of the docs: only after test_codecs.py, test_pipewire_codecs.py and"
            " test_gstreamer_codecs.py; run the three"
        )
    made = table()
    (run_folder / "codecs.md").write_text(made)
    assert made in (ROOT / "docs/codecs.md").read_text(), f"copy the table from {run_folder / 'codecs.md'}"
