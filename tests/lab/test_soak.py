# SPDX-License-Identifier: MIT
"""The soak's own parts: what is drawn, how it is judged, what counts as growth, and the page about it."""

import json
import random
import re
import subprocess
from types import SimpleNamespace

import pytest
from support.media import make

from lab.playback import media
from lab.playback.player import Playback
from lab.playback.record import Record
from lab.soak import health, page, tracks
from lab.soak.__main__ import Soak, Stage
from lab.soak.acts import Act, draw
from lab.soak.health import Daemon, Health
from lab.soak.judgement import judge


@pytest.fixture(scope="module")
def some(tmp_path_factory):
    folder = tmp_path_factory.mktemp("soak")
    return [media.read(make(folder / f"{seconds}.mp3", seconds=seconds)) for seconds in (1, 2, 40)]


@pytest.fixture
def streams(tmp_path):
    """Makes the DSP's streams from the bytes that each received."""

    def streams(*received, **stream):
        found = []
        for number, data in enumerate(received):
            folder = tmp_path / f"{number}"
            folder.mkdir()
            (folder / "input.bin").write_bytes(data)
            found.append(Record(folder, {"drained": True, "underruns": 0} | stream, []))
        return found

    return streams


def ended(code=0):
    return Playback(ended_s=1.0, code=code)


def test_a_seed_tells_all(some):
    def drawn(seed):
        chance = random.Random(seed)
        return [str(draw(chance, some)) for _ in range(200)]

    assert drawn(1) == drawn(1) != drawn(2)
    kinds = {act.partition(" |")[0] for act in drawn(3)}
    assert kinds == {"play", "pause", "seek", "album", "skip", "restart", "rest"}


def test_what_is_drawn_is_shell(some):
    chance = random.Random(0)
    for _ in range(200):
        act = draw(chance, some)
        subprocess.run(["sh", "-n", "-c", act.steps], check=True)
        assert act.seconds > 0


def test_seeks_stay_in_the_track(some):
    """Beyond its end a track would end early, and nobody could tell that from a fault."""
    chance = random.Random(0)
    for _ in range(2000):
        act = draw(chance, some)
        if act.kind != "seek" or not act.steps:
            continue
        position = 0.0
        for wait, key in re.findall(r"sleep ([\d.]+); printf '\\033\[(.)'", act.steps):
            position += float(wait)
            assert position < act.tracks[0].duration_s
            position = max(position + (10 if key == "C" else -10), 0)
            assert position < act.tracks[0].duration_s - 5


def test_tracks_of_every_kind(tmp_path):
    made = tracks.make(random.Random(1), tmp_path / "tracks", number=5)
    assert {track.codec for track in made} == {"mp3", "flac", "alac"}
    again = tracks.make(random.Random(1), tmp_path / "again", number=5)
    assert [track.payload for track in made] == [track.payload for track in again]


class TestJudge:
    def test_seek(self, some, streams):
        data = some[0].payload
        assert judge(Act("seek", some[:1]), ended(), streams(data[:3000], b"", data[700:])) is None

    @pytest.mark.parametrize(
        ("cut", "problem"),
        [
            (lambda data: [data[:3000] + data[3001:]], "no part of"),
            (lambda data: [data[:3000]], "does not reach the end"),
            (lambda data: [data, b""], "does not reach the end"),
            (lambda data: [], "saw no stream"),
        ],
    )
    def test_a_bad_seek(self, some, streams, cut, problem):
        assert problem in judge(Act("seek", some[:1]), ended(), streams(*cut(some[0].payload)))

    def test_not_drained(self, some, streams):
        found = judge(Act("seek", some[:1]), ended(), streams(some[0].payload, drained=False))
        assert "not rendered to its end" in found

    def test_album(self, some, streams):
        one, two = (track.payload for track in some[:2])
        act = Act("album", some[:2])
        assert judge(act, ended(), streams(one, two)) is None

    @pytest.mark.parametrize("order", [(1, 0), (0,), (0, 0), (0, 1, 1)])
    def test_a_bad_album(self, some, streams, order):
        act = Act("album", some[:2])
        assert judge(act, ended(), streams(*(some[index].payload for index in order)))

    def test_an_underrun_in_an_album(self, some, streams):
        act = Act("album", some[:1])
        assert "ran dry" in judge(act, ended(), streams(some[0].payload, underruns=1))

    @pytest.mark.parametrize("code", [0, 1, 143])
    def test_skip(self, some, streams, code):
        assert judge(Act("skip", some[:1]), ended(code), streams(some[0].payload[:999])) is None

    def test_a_bad_skip(self, some, streams):
        data = some[0].payload
        assert "does not start" in judge(Act("skip", some[:1]), ended(), streams(data[1:]))
        broken = Playback(ended_s=1.0, code=1, messages="error: no such thing")
        assert "no such thing" in judge(Act("skip", some[:1]), broken, [])
        assert "exit code 139" in judge(Act("skip", some[:1]), ended(139), [])

    def test_restart(self, some, streams):
        data = some[0].payload
        act = Act("restart", some[:1])
        assert judge(act, ended(1), streams(data[:100], data[5000:])) is None
        assert judge(act, ended(1), []) is None

    def test_bytes_of_another_after_a_restart(self, some, streams):
        assert "no part" in judge(Act("restart", some[:1]), ended(), streams(some[2].payload[9000:]))

    @pytest.mark.parametrize("kind", ["play", "pause", "seek", "album", "skip", "restart"])
    def test_a_player_that_never_ends(self, some, kind):
        playback = Playback(broken="the player did not end within 60 s")
        assert judge(Act(kind, some[:1]), playback, []) == playback.broken

    def test_play(self, some, streams):
        """By the lab's verdict, which has tests of its own."""
        found = judge(Act("play", some[:1]), ended(), [])
        assert found == "the DSP saw no stream, not one"


def sample(rss=8000, fds=30, pid=200, trouble=0):
    return Health(trouble, {name: Daemon(pid, rss, fds) for name in health.DAEMONS})


class Idle:
    """A board's drivers, its strategy, and a DSP that saw no stream."""

    ready = "true"
    player_says = Playback(ended_s=1.0, code=143)

    def get_driver(self, _):
        return SimpleNamespace(
            run=lambda *_, **__: None,
            streams=list,
            fetch_new=lambda *_: [],
            forget=lambda: None,
            play=lambda *_, **__: self.player_says,
        )

    def get_strategy(self):
        return self


def test_a_player_that_ends_before_the_dsp_sees_it(some, tmp_path):
    stage = Stage(Idle(), tmp_path)
    assert stage.perform(Act("skip", some[:1], (), "kill $player", 0.01), 0).problem is None
    assert stage.perform(Act("play", some[:1], seconds=1), 1).problem


def test_what_breaks_in_silence():
    assert health.compare(sample(), sample(rss=9999, fds=99)) is None
    assert "kernel" in health.compare(sample(), sample(trouble=1))
    assert health.compare(sample(), sample(pid=300)) == "pipewire was restarted"


def test_growth():
    assert health.growth([sample()] * 20) == []
    steady = [sample(rss=8000 + 300 * (number % 7), fds=30 + number % 3) for number in range(100)]
    assert health.growth(steady) == []
    leaking = [sample(rss=8000 + 20 * number, fds=30 + number // 10) for number in range(100)]
    assert health.growth(leaking) == [
        "pipewire grew by 1600 kB",
        "pipewire has 8 more files open than at the start",
        "wireplumber grew by 1600 kB",
        "wireplumber has 8 more files open than at the start",
    ]


def test_the_page(tmp_path):
    soak = Soak(7, 2.0, elapsed_s=3600.0, music_s=2700.0)
    soak.counts.update(["play", "seek", "play"])
    soak.samples = [(float(at), sample()) for at in range(0, 3600, 600)]
    soak.clock = [(100.0, 0.2)]
    page.write(tmp_path / "good.html", json.loads(json.dumps(soak.as_json())))
    text = (tmp_path / "good.html").read_text()
    assert (
        "1.00 of 2 hours" in text
        and "0.75 of them music" in text
        and "nothing wrong" in text
        and "<svg" in text
    )
    assert soak.good
    soak.problems.append({"number": 1, "act": "seek | <a>.mp3", "problem": "no good"})
    page.write(tmp_path / "bad.html", soak.as_json())
    text = (tmp_path / "bad.html").read_text()
    assert "1 problems" in text and "&lt;a&gt;.mp3" in text
    assert not soak.good


def test_a_page_about_nothing(tmp_path):
    page.write(tmp_path / "page.html", Soak(1, 1).as_json())
    assert "0.00 of 1 hours" in (tmp_path / "page.html").read_text()
