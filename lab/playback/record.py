# SPDX-License-Identifier: MIT
"""What a model DSP recorded of one stream: stream.json, input.bin, events.jsonl and rendered.wav."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from lab.errors import LabError
from lab.playback.media import Samples


class RecordError(LabError):
    """The recording is incomplete or cannot be read."""


_COUNT = range(1 << 53)  #: what a float holds exactly, too
#: What the lab reads of a stream and of its events: a type, or the range of a whole number.
_STREAM: dict[str, type | range] = {
    "codec": str, "rate": range(1 << 20), "channels": range(9), "bits": range(33),
    "drained": bool, "underruns": _COUNT, "frames_rendered": _COUNT,
}  # fmt: skip
_TIMES = ("run_us", "eos_rendered_us")  #: null or missing: not yet
_EVENT: dict[str, type | range] = {"event": str, "t_us": _COUNT}
_EVENTS: dict[str, dict[str, type | range]] = {
    "position": {"frames": _COUNT, "ring_bytes": _COUNT},
    "write": {"length": _COUNT},
    "silence": {"where": str, "samples": _COUNT, "applied": bool},
}


def _check(path: Path, entry: Any, wanted: Mapping[str, type | range]) -> None:
    """Raises RecordError where *entry* has not what is *wanted*: a board may write what it likes."""
    if not isinstance(entry, dict):
        raise RecordError(f"the DSP's {path.name} holds what is no JSON object: {entry!s:.80}")
    for name, kind in wanted.items():
        value = entry.get(name)
        good = type(value) is int and value in kind if isinstance(kind, range) else isinstance(value, kind)
        if not good:
            raise RecordError(f"the DSP's {path.name} has a {name} that makes no sense: {value!s:.80}")


@dataclass(frozen=True)
class Record:
    """One stream as the DSP saw it. Times are microseconds of the board's CLOCK_MONOTONIC."""

    folder: Path
    stream: dict[str, Any]  #: stream.json: codec, rate, channels, bits, run_us, eos_rendered_us, drained, …
    events: list[dict[str, Any]]  #: events.jsonl in order, each with ``t_us`` and ``event``

    @classmethod
    def load(cls, folder: Path) -> "Record":
        """Read the recording in *folder*. Raises RecordError where it is not one."""
        try:
            stream = json.loads((folder / "stream.json").read_text())
            lines = (folder / "events.jsonl").read_text().splitlines()
            events = [json.loads(line) for line in lines]
        except (OSError, ValueError, RecursionError) as error:
            raise RecordError(f"the DSP's record {folder} cannot be read: {error}") from error
        _check(folder / "stream.json", stream, _STREAM)
        times = [name for name in _TIMES if stream.get(name) is not None]
        _check(folder / "stream.json", stream, dict.fromkeys(times, _COUNT))
        for event in events:
            _check(folder / "events.jsonl", event, _EVENT)
            _check(folder / "events.jsonl", event, _EVENTS.get(event["event"], {}))
        return cls(folder, stream, events)

    @cached_property
    def received(self) -> bytes:
        """Every byte of every write, in order."""
        try:
            return (self.folder / "input.bin").read_bytes()
        except OSError as error:
            raise RecordError(f"the DSP's input.bin cannot be read: {error.strerror}") from error

    @cached_property
    def rendered(self) -> Samples:
        """The rendered PCM, shape (frames, channels), at the depth ``bits``; empty if none was rendered."""
        path = self.folder / "rendered.wav"
        channels = max(int(self.stream["channels"]), 1)
        if not path.exists():
            return np.zeros((0, channels), np.int32)
        try:
            with av.open(str(path)) as container:
                blocks = [
                    frame.to_ndarray().reshape(-1, frame.layout.nb_channels)
                    for frame in container.decode(audio=0)
                ]
            if not blocks:
                return np.zeros((0, channels), np.int32)
            samples = np.concatenate(blocks)
        except FFmpegError as error:
            raise RecordError(f"the DSP's {path.name} cannot be read: {error.strerror}") from error
        except (ValueError, IndexError) as error:  # no audio, or its layout changes on the way
            raise RecordError(f"the DSP's {path.name} cannot be read: {error}") from error
        spare = samples.dtype.itemsize * 8 - self.bits
        if samples.dtype.kind not in "iu" or spare < 0:
            raise RecordError(
                f"the DSP's {path.name} has samples of {samples.dtype}, not of {self.bits} bits"
            )
        return samples.astype(np.int32) >> spare

    @property
    def bits(self) -> int:
        """The depth of the rendered PCM."""
        return int(self.stream["bits"])

    @property
    def playing_s(self) -> float | None:
        """Seconds of the board's time from RUN to the end of the last sample; None if it never got there."""
        start, end = self.stream.get("run_us"), self.stream.get("eos_rendered_us")
        return (end - start) / 1e6 if start is not None and end is not None else None
