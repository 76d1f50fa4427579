# SPDX-License-Identifier: MIT
"""``make soak``: play, pause, seek, skip and break for hours of the board's time; every byte is verified."""

import json
import math
import random
import shutil
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import click
from labgrid import Target

from lab import postmortem, runs
from lab.cli.run import INTERRUPTED, interruptible
from lab.cli.screen import Screen
from lab.debian import build_image
from lab.drivers.dsprecord import DspRecordDriver
from lab.drivers.player import PlayerDriver
from lab.drivers.remote import RemoteDriver, RemoteError
from lab.environment import Board
from lab.errors import LabError
from lab.flash import Plan
from lab.playback.clock import clock_errors
from lab.playback.player import Playback
from lab.playback.record import Record, RecordError
from lab.soak import health, page, tracks
from lab.soak.acts import Act, draw
from lab.soak.health import Health
from lab.soak.judgement import judge

#: Wall seconds that an act may take: a start-up on a busy host, and more than the music takes.
LIMIT_S, LIMIT_FACTOR = 180.0, 6.0
#: Failures whose state is kept; a board that fails that often is understood by its first ones.
POST_MORTEMS = 10
#: Seconds between two samples of the players. Nobody looks at them here, and they cost more than the music.
SAMPLE_S = 10.0


@dataclass
class Soak:
    """What became of it."""

    seed: int
    hours: float  #: that were asked for
    counts: Counter[str] = field(default_factory=Counter)  #: acts by kind
    problems: list[dict[str, Any]] = field(default_factory=list)
    #: Of the board's time that the acts took. Between them an idle virtual board's clock runs ahead.
    elapsed_s: float = 0.0
    music_s: float = 0.0  #: of it, what the DSP rendered
    samples: list[tuple[float, Health]] = field(default_factory=list)  #: after seconds of the soak
    clock: list[tuple[float, float]] = field(default_factory=list)  #: after seconds, largest error (ms)
    grown: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.problems and not self.grown

    def as_json(self) -> dict[str, Any]:
        """The fields as a JSON object."""
        return {
            "seed": self.seed,
            "hours": self.hours,
            "elapsed_s": self.elapsed_s,
            "music_s": self.music_s,
            "counts": dict(self.counts),
            "problems": self.problems,
            "grown": self.grown,
            "samples": [{"at_s": at} | sample._asdict() for at, sample in self.samples],
            "clock": self.clock,
        }


class Outcome(NamedTuple):
    """What came of an act."""

    seconds: float  #: of the board's time that it took
    music_s: float = 0.0  #: of music that the DSP rendered
    problem: str | None = None  #: what is wrong with it
    clock_ms: float | None = None  #: the largest error of the graph's clock, where it was measured


class Stage:
    """A board on which acts happen."""

    def __init__(self, target: Target, folder: Path) -> None:
        self.remote = target.get_driver(RemoteDriver)
        self._target = target
        self._player = target.get_driver(PlayerDriver)
        self._dsp = target.get_driver(DspRecordDriver)
        self._ready = target.get_strategy().ready
        self._folder = folder

    def perform(self, act: Act, number: int) -> "Outcome":
        """Let *act* happen. Raises RemoteError where the board does not answer anymore."""
        if act.kind == "rest":
            self.remote.run(f"sleep {act.seconds:g}", timeout=LIMIT_S)
            return Outcome(act.seconds)
        records = self._folder / f"act-{number:05d}"
        known = self._dsp.streams()
        playback = self._play(act)
        self.remote.run(f"until {self._ready}; do sleep 0.5; done", timeout=LIMIT_S)
        try:
            streams = [one for one in self._dsp.fetch_new(known, records) if one.stream["codec"] != "pcm"]
            problem = judge(act, playback, streams)
        except RecordError as error:
            streams, problem = [], str(error)
        clock = None if problem else _clock_ms(act, playback, streams)
        if problem is None and records.exists():
            shutil.rmtree(records)  # what was right needs no record: hours of them would fill the disk
        self._dsp.forget()
        music_s = sum(one.stream["frames_rendered"] / max(one.stream["rate"], 1) for one in streams)
        return Outcome(playback.duration_s or 0.0, music_s, problem, clock)

    def save(self, name: str) -> None:
        """Keep what the board can tell of itself."""
        postmortem.save(self._target, self._folder / name)

    def _play(self, act: Act) -> Playback:
        """The last track is what the player gets as its file; those before it are options to it."""
        *before, last = act.tracks
        paths = []
        for number, track in enumerate(before):
            paths.append(str(PurePosixPath("/tmp") / f"soak-{number}{track.path.suffix}"))
            self.remote.put(track.path, paths[-1])
        limit = LIMIT_S + LIMIT_FACTOR * act.seconds
        options = (*act.options, *paths)
        return self._player.play(last, options=options, steps=act.steps, limit=limit, sample_s=SAMPLE_S)


def _clock_ms(act: Act, playback: Playback, streams: list[Record]) -> float | None:
    if "--verbose" not in act.options or len(streams) != 1:
        return None
    try:
        clock, _ = clock_errors(playback.messages, streams[0])
    except LabError:
        return None  # the track was too short
    return float(abs(clock).max() * 1e3)


def soak(soak: Soak, stage: Stage, screen: Screen, folder: Path, limit_s: float) -> None:
    """Let acts happen for *soak.hours* of the board's time; what comes of them goes to *soak*.

    None begins after *limit_s* seconds of wall time: an emulated board may be slower than its music.
    Raises RemoteError where the board does not answer anymore.
    """
    chance, deadline = random.Random(soak.seed), time.monotonic() + limit_s
    screen.say(f"seed {soak.seed}; making the tracks")
    some = tracks.make(chance, folder / "tracks")
    soak.samples.append((0.0, health.look(stage.remote)))
    log = (folder / "acts.log").open("w", buffering=1)
    with log, screen.task(f"soak for {soak.hours:g} h", soak.hours * 3600) as advance:
        while soak.elapsed_s < soak.hours * 3600 and time.monotonic() < deadline:
            number, act = soak.counts.total(), draw(chance, some)
            log.write(f"{number:05d} {soak.elapsed_s:9.1f} s  {act}\n")
            outcome = stage.perform(act, number)
            soak.elapsed_s += outcome.seconds
            soak.music_s += outcome.music_s
            soak.counts[act.kind] += 1
            soak.samples.append((soak.elapsed_s, health.look(stage.remote)))
            (_, before), (_, after) = soak.samples[-2:]
            problem = outcome.problem or health.compare(before, after)
            if outcome.clock_ms is not None:
                soak.clock.append((soak.elapsed_s, outcome.clock_ms))
            if problem:
                log.write(f"{number:05d} FAILED: {problem}\n")
                screen.say(f"act {number} ({act.kind}): {problem}")
                soak.problems.append({"number": number, "act": str(act), "problem": problem})
                if len(soak.problems) <= POST_MORTEMS:
                    stage.save(f"act-{number:05d}")
            advance(soak.elapsed_s)
    soak.grown = health.growth([sample for _, sample in soak.samples])


@click.command()
@click.option("--hours", default=24.0, show_default=True, help="Of the board's time: music, pauses, rest.")
@click.option("--limit", default=math.inf, metavar="MINUTES", help="Wall time after which it ends early.")
@click.option("--seed", type=int, help="Draws what happens; one that is printed, by default.")
@click.option(
    "--image", metavar="DIR", type=click.Path(path_type=Path), help="Deploy folder; by default one is built."
)
def main(hours: float, limit: float, seed: int | None, image: Path | None) -> None:
    """Play, pause, seek, skip and break on a virtual board for hours, and verify every byte.

    Exit code 1 means that something was wrong; soak.html in the run's folder shows what.
    """
    screen = Screen()
    plan = Plan.read(image or build_image(report=screen.say))
    folder = runs.new_folder("soak")
    seed = random.SystemRandom().randrange(10**9) if seed is None else seed
    result = Soak(seed, hours)
    board = Board.find("virtual", instance="soak")
    interrupted = False
    try:
        with interruptible(), board.session(plan) as target, runs.logged(target, folder):
            target.get_strategy().transition("shell")
            soak(result, Stage(target, folder), screen, folder, limit * 60)
    except RemoteError as error:
        result.problems.append({"number": result.counts.total(), "act": "", "problem": str(error)})
    except KeyboardInterrupt:
        interrupted = True
    finally:
        (folder / "soak.json").write_text(json.dumps(result.as_json(), indent=1) + "\n")
        page.write(folder / "soak.html", result.as_json())
        acts = ", ".join(f"{count} {kind}" for kind, count in result.counts.most_common())
        screen.say(
            f"{result.elapsed_s / 3600:.2f} h of {hours:g} h, {result.music_s / 3600:.2f} h of music: "
            f"{acts or 'nothing happened'}"
        )
        for sentence in [
            *(f"act {one['number']}: {one['problem']}" for one in result.problems),
            *result.grown,
        ]:
            screen.say(sentence)
        screen.say(f"to repeat it: --seed {seed} --hours {hours:g}; page: {folder / 'soak.html'}")
    sys.exit(INTERRUPTED if interrupted else 0 if result.good else 1)


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(f"soak: {error}")
