# SPDX-License-Identifier: MIT
"""Audio files, and PCM as ffmpeg decodes it for comparison."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int64]

#: makes an audio file of a name with the options of support.media.make()
Media = Callable[..., Path]

#: for ffmpeg: neither tags nor a Xing frame, so that every byte of the file is of a frame of audio
BARE_MP3 = ("-write_xing", "0", "-id3v2_version", "0")


def decode(path: Path, channels: int, bits: int = 16, *options: str) -> Samples:
    """The audio of *path*, shape (frames, channels), in steps of *bits*.

    *options* go before ffmpeg's input.
    """
    form = "s16le" if bits == 16 else "s32le"
    command: Sequence[str | Path] = [
        "ffmpeg",
        "-v",
        "error",
        *options,
        "-i",
        path,
        "-map",
        "0:a",
        "-f",
        form,
        "-",
    ]
    data = subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout
    samples = np.frombuffer(data, "<i2" if bits == 16 else "<i4").astype(np.int64)
    return samples.reshape(-1, channels) >> (0 if bits == 16 else 32 - bits)


def difference(left: Samples, right: Samples) -> int:
    """The largest difference of two recordings of the same length, in steps."""
    assert left.shape == right.shape
    return int(np.abs(left - right).max(initial=0))
