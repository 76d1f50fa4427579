# SPDX-License-Identifier: MIT
"""Writes the record that a faultless DSP would make of a file, for tests to spoil."""

import json
from pathlib import Path
from typing import Any

import av
import numpy as np

from lab.playback.media import Media, Samples
from lab.playback.record import Record


def write_wav(path: Path, samples: Samples, rate: int, bits: int) -> None:
    """*samples*, shape (frames, channels), as 16 or 24-bit PCM."""
    name, layout = ("pcm_s16le", "s16") if bits == 16 else ("pcm_s24le", "s32")
    with av.open(str(path), "w", format="wav") as container:
        stream = container.add_stream(name, rate=rate, layout="mono" if samples.shape[1] == 1 else "stereo")
        scaled = samples.astype(np.int16) if bits == 16 else samples.astype(np.int32) << 8
        frame = av.AudioFrame.from_ndarray(scaled.reshape(1, -1), layout, stream.layout.name)
        frame.rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def faultless(
    folder: Path, media: Media, *, received: bytes | None = None, pcm: Samples | None = None, **stream: Any
) -> Record:
    """The record of *media* in *folder*; what a test gives replaces the truth."""
    folder.mkdir(parents=True, exist_ok=True)
    received = media.payload if received is None else received
    pcm = media.pcm if pcm is None else pcm
    length_us = int(len(pcm) / media.rate * 1e6)
    facts = {
        "stream": 1, "session": 1, "codec": media.codec, "rate": media.rate, "channels": media.channels,
        "bits": media.bits, "opened_us": 1_000_000, "run_us": 1_500_000, "eos_us": 1_600_000,
        "eos_rendered_us": 1_500_000 + length_us, "closed_us": None,
        "bytes_received": len(received), "writes": 1,
        "frames_rendered": len(pcm), "underruns": 0, "eos": True, "drained": True, "error": None,
    }  # fmt: skip
    (folder / "stream.json").write_text(json.dumps(facts | stream))
    (folder / "input.bin").write_bytes(received)
    positions = range(0, len(pcm), media.rate // 10)
    (folder / "events.jsonl").write_text(
        "".join(
            json.dumps(
                {
                    "t_us": 1_500_000 + at * 1_000_000 // media.rate,
                    "event": "position",
                    "frames": at,
                    "ring_bytes": 8192,
                }
            )
            + "\n"
            for at in positions
        )
    )
    write_wav(folder / "rendered.wav", pcm, media.rate, media.bits)
    return Record.load(folder)
