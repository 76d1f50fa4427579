# SPDX-License-Identifier: MIT
import pytest
from support.media import make

from lab.playback import session
from lab.playback.media import MediaError
from lab.playback.session import CodecError

LISTED = ["mp3", "flac", "wma", "alac", "ape"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("session")


def test_files_are_read_before_anything_else(folder):
    good = make(folder / "good.mp3", seconds=1)
    bad = folder / "bad.flac"
    bad.write_bytes(make(folder / "whole.flac", seconds=1).read_bytes()[:20_000])
    assert [file.codec for file in session.read_all([good])] == ["mp3"]
    with pytest.raises(MediaError, match=r"bad\.flac: the file is truncated"):
        session.read_all([good, bad])


def test_a_codec_that_the_dsp_does_not_list(folder):
    files = session.read_all([make(folder / "a.m4a", seconds=1, options=("-c:a", "aac"))])
    with pytest.raises(
        CodecError, match="it is AAC, which the DSP does not list; it lists MP3, FLAC, WMA, ALAC, APE"
    ):
        session.check_codecs(files, LISTED)


def test_a_codec_that_cannot_be_judged(folder):
    files = session.read_all([make(folder / "b.ogg", seconds=1, options=("-c:a", "libvorbis"))])
    with pytest.raises(
        CodecError, match="the DSP lists VORBIS, but the lab can judge MP3 and FLAC and WMA and"
    ):
        session.check_codecs(files, [*LISTED, "vorbis"])


def test_codecs_that_it_lists(folder):
    files = session.read_all([make(folder / "a.flac", seconds=1), make(folder / "a.mp3", seconds=1)])
    session.check_codecs(files, LISTED)
    with pytest.raises(CodecError, match=r"a\.mp3: it is MP3"):
        session.check_codecs(files, ["flac"])
