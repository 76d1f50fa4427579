# SPDX-License-Identifier: MIT
"""What a model DSP recorded of one stream: stream.json, input.bin, events.jsonl and rendered.wav."""

import json
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
            return cls(folder, stream, [json.loads(line) for line in lines])
        except (OSError, ValueError) as error:
            raise RecordError(f"the DSP's record {folder} cannot be read: {error}") from error

    @cached_property
    def received(self) -> bytes:
        """Every byte of every write, in order."""
        return (self.folder / "input.bin").read_bytes()

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
        except FFmpegError as error:
            raise RecordError(f"the DSP's {path.name} cannot be read: {error.strerror}") from error
        if not blocks:
            return np.zeros((0, channels), np.int32)
        samples = np.concatenate(blocks)
        return samples.astype(np.int32) >> (samples.dtype.itemsize * 8 - self.bits)

    @property
    def bits(self) -> int:
        """The depth of the rendered PCM."""
        return int(self.stream["bits"])

    @property
    def playing_s(self) -> float | None:
        """Seconds of the board's time from RUN to the end of the last sample; None if it never got there."""
        start, end = self.stream.get("run_us"), self.stream.get("eos_rendered_us")
        return (end - start) / 1e6 if start is not None and end is not None else None
