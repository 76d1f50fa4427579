# SPDX-License-Identifier: MIT
"""What may happen in a soak: tracks, and what is done to the player and to the DSP meanwhile."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from lab.playback.media import Media

T = TypeVar("T")

#: Shell commands beside the player (lab.playback.player): Ctrl-Z and fg; the cursor keys, which seek by 10 s.
_PAUSE = (
    "kill -TSTP $player; "
    "while read -r _ _ state _ </proc/$player/stat && [ $state != T ]; do sleep 0.01; done"
)
_RESUME = "kill -CONT $player"
_BACK, _FORTH = r"printf '\033[D' >&4", r"printf '\033[C' >&4"
_SEEK_S = 10.0
#: Seconds, and how often: an instant, a phone call, and long enough for every timer to have run out.
_PAUSES_S = {0.05: 5, 0.5: 5, 2: 5, 8: 5, 60: 2, 900: 1}
_RESTS_S = {1: 2, 4: 2, 6: 2, 30: 2, 3600: 1}


@dataclass(frozen=True)
class Act:
    """One thing that happens."""

    kind: str  #: play, pause, seek, album, skip, restart or rest
    tracks: Sequence[Media] = ()
    options: tuple[str, ...] = ()  #: of the player
    steps: str = ""  #: shell commands beside the player
    seconds: float = 0.0  #: of the board's time that it takes, about

    def __str__(self) -> str:
        names = " ".join(track.path.name for track in self.tracks)
        return " | ".join(filter(None, (self.kind, names, " ".join(self.options), self.steps)))


def draw(chance: random.Random, tracks: Sequence[Media]) -> Act:
    """The next act. What came of the ones before has no influence, so that a seed tells all."""
    return _weighted(chance, _SHARES)(chance, tracks)


def _weighted(chance: random.Random, shares: Mapping[T, int]) -> T:
    """One of the keys, as often as the values say."""
    (one,) = chance.choices(list(shares), list(shares.values()))
    return one


def _play(chance: random.Random, tracks: Sequence[Media]) -> Act:
    track = chance.choice(tracks)
    # A player that tells the time, for the clock's error; else the cycles are as long as the device allows.
    latency = chance.choice(((), (), ("--verbose", "--latency=100ms"), ("--latency=20ms",)))
    return Act("play", [track], latency, seconds=track.duration_s)


def _pause(chance: random.Random, tracks: Sequence[Media]) -> Act:
    track = chance.choice(tracks)
    steps, seconds = [], track.duration_s
    for _ in range(chance.randint(1, 6)):
        pause = _weighted(chance, _PAUSES_S)
        steps.append(
            f"sleep {chance.uniform(0, track.duration_s / 4):.2f}; {_PAUSE}; sleep {pause}; {_RESUME}"
        )
        seconds += pause
    return Act("pause", [track], (), "; ".join(steps), seconds)


def _seek(chance: random.Random, tracks: Sequence[Media]) -> Act:
    track = chance.choice([track for track in tracks if track.duration_s >= 30] or tracks)
    steps, position, seconds = [], 0.0, 0.0
    for _ in range(chance.randint(1, 5)):
        wait = chance.uniform(0.2, 6)
        position, seconds = position + wait, seconds + wait
        if position > track.duration_s - 2 * _SEEK_S:  # nor beyond the end: that would be a skip
            break
        key = chance.choice((_BACK, _FORTH)) if position < track.duration_s - 3 * _SEEK_S else _BACK
        position = max(position + (_SEEK_S if key == _FORTH else -_SEEK_S), 0.0)
        steps.append(f"sleep {wait:.2f}; {key}")
    return Act("seek", [track], ("--keys",), "; ".join(steps), seconds + track.duration_s - position)


def _album(chance: random.Random, tracks: Sequence[Media]) -> Act:
    some = chance.sample(list(tracks), chance.randint(2, min(4, len(tracks))))
    return Act("album", some, seconds=sum(track.duration_s for track in some))


def _skip(chance: random.Random, tracks: Sequence[Media]) -> Act:
    track = chance.choice(tracks)
    moment = chance.uniform(0, track.duration_s)
    return Act("skip", [track], (), f"sleep {moment:.2f}; kill $player", moment)


def _restart(chance: random.Random, tracks: Sequence[Media]) -> Act:
    track = chance.choice(tracks)
    moment = chance.uniform(0, track.duration_s + 1)
    order = chance.choice(("pd-restart", "crash"))
    return Act(
        "restart", [track], (), f"sleep {moment:.2f}; virtual-adsp --order {order}", track.duration_s + 5
    )


def _rest(chance: random.Random, tracks: Sequence[Media]) -> Act:
    """Long enough for WirePlumber to suspend the sink, or not."""
    return Act("rest", seconds=_weighted(chance, _RESTS_S))


_SHARES: dict[Callable[[random.Random, Sequence[Media]], Act], int] = {
    _play: 5, _pause: 3, _seek: 3, _album: 2, _skip: 3, _restart: 1, _rest: 1,
}  # fmt: skip
