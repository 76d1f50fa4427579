# SPDX-License-Identifier: MIT
"""How far the graph's clock, as a player sees it, is from what the DSP rendered."""

import re

import numpy as np
from numpy.typing import NDArray

from lab.errors import LabError
from lab.playback.record import Record

#: What pw-cat --verbose prints every second: nanoseconds of CLOCK_MONOTONIC, and the stream's time in ticks.
STREAM_TIME = re.compile(r"stream time: now:(\d+) rate:(\d+)/(\d+) ticks:(\d+)")
#: Seconds after which the clock must have found the DSP's pace.
SETTLED_S = 10


def clock_errors(messages: str, record: Record) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each second: how far pw_time was from the DSP, and how far the CPU's clock was.

    *messages* are those of ``pw-cat --verbose`` while the DSP recorded *record*. Both in seconds, apart from
    a constant: where a clock starts means nothing. Raises LabError where there are less than ten.
    """
    times = [match.groups() for match in STREAM_TIME.finditer(messages)]
    if len(times) < 2:
        raise LabError("the player does not tell the time of its stream")
    now, _, rate, ticks = np.array(times, np.float64).T
    positions = [event for event in record.events if event["event"] == "position"]
    at = np.array([event["t_us"] for event in positions]) / 1e6
    frames = np.array([event["frames"] for event in positions]) / record.stream["rate"]
    _, first = np.unique(now, return_index=True)
    now, ticks = now[first] / 1e9, ticks[first] / rate[first]
    settled = (now >= at[0] + SETTLED_S) & (now <= at[-1])
    if settled.sum() < 10:
        raise LabError("the playback was too short to compare clocks")
    now, ticks = now[settled], ticks[settled]
    rendered = np.interp(now, at, frames)
    clock, cpu = ticks - rendered, now - rendered
    return clock - clock.mean(), cpu - cpu.mean()
