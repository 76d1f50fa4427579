# SPDX-License-Identifier: MIT
"""Makes something to play: changing tones and noise, as MP3 and as FLAC."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.errors import LabError

SECONDS = 30
#: A tone that climbs and a noise that comes and goes, so that no two frames are alike.
_SOURCE = (
    "aevalsrc=exprs='0.4*sin(2*PI*(220+20*t)*t)+0.05*sin(2*PI*0.5*t)*(random(0)-0.5)"
    "|0.4*sin(2*PI*(330+15*t)*t)+0.05*cos(2*PI*0.5*t)*(random(1)-0.5)':s={rate}:d={seconds}"
)


def make(folder: Path, seconds: int = SECONDS) -> list[Path]:
    """Write demo.mp3 and demo.flac of that length into *folder*; return their paths. Raises LabError."""
    folder.mkdir(parents=True, exist_ok=True)
    outputs = {
        folder / "demo.mp3": ["-c:a", "libmp3lame", "-b:a", "192k"],
        folder / "demo.flac": ["-c:a", "flac", "-sample_fmt", "s16"],
    }
    encode(outputs, seconds=seconds)
    return list(outputs)


def encode(outputs: Mapping[Path, Sequence[str]], *, seconds: int, rate: int = 44100) -> None:
    """Write the same music to files, each with ffmpeg's options for it. Raises LabError."""
    source = _SOURCE.format(seconds=seconds, rate=rate)
    command: list[str | Path] = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source]
    for path, options in outputs.items():
        command += ["-map_metadata", "-1", *options, path]
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True, text=True)
    except FileNotFoundError:
        raise LabError("ffmpeg is missing: run `make setup`") from None
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().splitlines()
        raise LabError(f"ffmpeg cannot make the demo's files: {reason[-1] if reason else error}") from error
