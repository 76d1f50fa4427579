# SPDX-License-Identifier: MIT
"""``make bench``: the figures of the project, measured on this machine in one run.

Wall times depend on the machine and are only reported. The CPU figures are instructions: in virtual time the
board's clock advances by a fixed time for each. They repeat from run to run, and what counts is their ratio,
taken in one run on one board.
"""

import json
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from labgrid import Target
from rich.console import Console
from rich.table import Table

from lab import runs
from lab.debian import build_image
from lab.drivers.dspcontrol import DspControlDriver
from lab.drivers.player import PlayerDriver
from lab.drivers.remote import RemoteDriver
from lab.environment import Board
from lab.errors import LabError
from lab.flash import Plan
from lab.playback import media, session
from lab.playback.clock import clock_errors
from lab.playback.demomedia import make
from lab.playback.media import Media
from lab.playback.player import Playback, sampled, time_limit
from lab.virtual.machine import INSTRUCTION_NS

SECONDS = 60
#: Start-up and the end are left out: seconds of playing from which, and until which, CPU time counts.
STEADY_S = (10.0, 50.0)
#: Pauses whose median counts.
PAUSES = 5
#: Millionths by which the DSP's crystal differs from the CPU's when the graph's clock is measured.
SKEW_PPM = 500


@dataclass(frozen=True)
class Cost:
    """CPU instructions per second of audio, in the steady state."""

    pipewire: float
    player: float
    wakeups: float  #: of PipeWire, WirePlumber and the player, per second of audio

    @property
    def total(self) -> float:
        """Both together."""
        return self.pipewire + self.player


class Reaction(NamedTuple):
    """How the keys act; times in the board's milliseconds, the median of PAUSES."""

    pause_to_silence_ms: float
    resume_to_sound_ms: float
    underruns: int  #: how often the DSP ran dry meanwhile and afterwards


def cost(playback: Playback) -> Cost:
    """What *playback* cost between the ends of STEADY_S. Raises LabError where it has no samples there."""
    if not playback.samples:
        raise LabError("the player gave no samples of its CPU time")
    start = playback.samples[0].uptime_s
    steady = [sample for sample in playback.samples if STEADY_S[0] <= sample.uptime_s - start <= STEADY_S[1]]
    if len(steady) < 2:
        raise LabError("the playback was too short to measure its steady state")
    first, last = steady[0], steady[-1]
    per_second = INSTRUCTION_NS * (last.uptime_s - first.uptime_s)
    return Cost(
        (last.pipewire_ns - first.pipewire_ns) / per_second,
        (last.player_ns - first.player_ns) / per_second,
        (last.wakeups - first.wakeups) / (last.uptime_s - first.uptime_s),
    )


def main() -> int:
    """Measure, print two tables, and keep the figures as bench.json in the run's folder."""
    console = Console()
    folder = runs.new_folder("bench")
    wall: dict[str, float] = {}
    started = time.monotonic()

    def lap(name: str) -> None:
        nonlocal started
        now = time.monotonic()
        wall[name] = now - started
        started = now

    plan = Plan.read(build_image(report=lambda line: console.print(line, style="dim")))
    lap("build the image, or find it in the cache")
    files = [media.read(path) for path in make(folder / "media", SECONDS)]
    for file in files:
        media.check(file)
    board = Board.find("virtual", instance="bench")
    with board.session(plan) as target, runs.logged(target, folder):
        strategy = target.get_strategy()
        started = time.monotonic()
        strategy.transition("flashed")
        lap("power on, flash boot image and root file system")
        strategy.transition("off")
        started = time.monotonic()
        strategy.transition("booted")
        target.activate(strategy.shell)
        lap("power on to shell")
        strategy.transition("shell")
        lap("shell to all units started")
        costs = measure(target, files, folder, lap)
        reaction = react(target, files[0], folder)
        lap("pause and resume")
        clock_ms = follow(target, files[0], folder)
        lap("follow the DSP's clock")
    show(console, wall, costs)
    console.print(
        f"from pause to silence {reaction.pause_to_silence_ms:.1f} ms, from resume to sound "
        f"{reaction.resume_to_sound_ms:.1f} ms (the board's time, median of {PAUSES}; the DSP ran dry "
        f"{reaction.underruns} times)\n"
        f"the graph's clock is {clock_ms:.3f} ms from the DSP's at most, whose crystal is {SKEW_PPM} ppm fast"
    )
    results = {
        "wall_s": wall,
        "instructions_per_second_of_audio": {
            name: {"pipewire": one.pipewire, "player": one.player, "total": one.total}
            for name, one in costs.items()
        },
        "pause_to_silence_ms": reaction.pause_to_silence_ms,
        "resume_to_sound_ms": reaction.resume_to_sound_ms,
        "pause_underruns": reaction.underruns,
        "clock_error_ms": clock_ms,
        "wakeups_per_second": {name: one.wakeups for name, one in costs.items()},
        "pipewire": (plan.manifest or {}).get("pipewire"),
    }
    (folder / "bench.json").write_text(json.dumps(results, indent=1) + "\n")
    console.print(f"figures: {folder / 'bench.json'}")
    return 0


def measure(target: Target, files: list[Media], folder: Path, lap) -> dict[str, Cost]:  # type: ignore[no-untyped-def]
    """Play each file offloaded, to the device without PipeWire, and decoded in software on the same board."""
    costs: dict[str, Cost] = {}
    player = target.get_driver(PlayerDriver)
    for file in files:
        codec = file.codec.upper()
        outcome = session.play(target, file, folder / "records")
        lap(f"play {SECONDS} s of {codec} and verify")
        if outcome.playback is None or not outcome.verdict.good:
            raise LabError(f"{codec} did not play right, so its cost means nothing: {outcome.verdict.error}")
        costs[f"{codec} offloaded"] = cost(outcome.playback)
        costs[f"{codec} without PipeWire"] = cost(bare(target, file, folder))
        lap(f"play {SECONDS} s of {codec} without PipeWire")
        software = player.play(file, encoded=False)
        if software.error:
            raise LabError(f"{codec} decoded in software did not play: {software.error}")
        costs[f"{codec} decoded in software"] = cost(software)
        lap(f"play {SECONDS} s of {codec} decoded in software")
    return costs


def bare(target: Target, file: Media, folder: Path) -> Playback:
    """Write the packets to the compress device, and sleep until it takes more: the least that it can cost."""
    packets = folder / "packets"
    packets.write_bytes(file.payload)
    remote = target.get_driver(RemoteDriver)
    remote.put(packets, "/tmp/packets")
    command = f"compress-client play -c {file.codec} -r {file.rate} -n {file.channels}"
    playback = Playback()
    remote.run(sampled(command, "/tmp/packets"), timeout=time_limit(SECONDS), on_line=playback.read_line)
    return playback


def react(target: Target, file: Media, folder: Path) -> Reaction:
    """How long it takes from the keys to the DSP's pause and run."""
    remote = target.get_driver(RemoteDriver)
    remote.run_check("rm -f /tmp/keys")
    # The kernel's CLOCK_MONOTONIC in nanoseconds, which the DSP's record has in microseconds.
    key = "sed -n 's/^now at \\([0-9]*\\) nsecs/\\1/p;4q' /proc/timer_list >>/tmp/keys; printf ' ' >&4"
    steps = "; ".join(["sleep 3", *[f"{key}; sleep 1"] * 2 * PAUSES])
    outcome = session.play(target, file, folder / "records", options=("--keys",), steps=steps)
    if outcome.record is None or not outcome.verdict.bytes_identical:
        raise LabError(f"pause and resume did not play right: {outcome.verdict.error}")
    pressed = [int(line) / 1e6 for line in remote.run_check("cat /tmp/keys").split()]
    done = [event for event in outcome.record.events if event["event"] in ("pause", "run")][1:]
    if len(done) != len(pressed):
        raise LabError(f"{len(pressed)} keys, but the DSP was paused and resumed {len(done)} times")
    delays: dict[str, list[float]] = {"pause": [], "run": []}
    for at, event in zip(pressed, done, strict=True):
        delays[event["event"]].append(event["t_us"] / 1e3 - at)
    median = statistics.median
    return Reaction(median(delays["pause"]), median(delays["run"]), outcome.verdict.underruns or 0)


def follow(target: Target, file: Media, folder: Path) -> float:
    """The largest error of the graph's clock in milliseconds, where the DSP's crystal differs."""
    control = target.get_driver(DspControlDriver)
    control.order(f"skew {SKEW_PPM}")
    try:
        options = ("--verbose", "--latency=100ms")
        outcome = session.play(target, file, folder / "records", options=options)
    finally:
        control.order("skew 0")
    if outcome.playback is None or outcome.record is None:
        raise LabError(f"with a skewed clock it did not play: {outcome.verdict.error}")
    clock, _ = clock_errors(outcome.playback.messages, outcome.record)
    return float(abs(clock).max() * 1e3)


def show(console: Console, wall: dict[str, float], costs: dict[str, Cost]) -> None:
    """Both tables."""
    table = Table("wall time", "s", box=None)
    for name, seconds in wall.items():
        table.add_row(name, f"{seconds:.1f}")
    console.print(table)
    columns = ("PipeWire", "player", "both", "offload saves", "wake-ups/s")
    table = Table("instructions per second of audio", *columns, box=None)
    for name, one in costs.items():
        twin = costs.get(name.replace("offloaded", "decoded in software"))
        ratio = f"{twin.total / one.total:.1f} x" if twin is not one and twin else ""
        table.add_row(
            name,
            f"{one.pipewire:,.0f}",
            f"{one.player:,.0f}",
            f"{one.total:,.0f}",
            ratio,
            f"{one.wakeups:.2f}",
        )
    console.print(table)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
