# SPDX-License-Identifier: MIT
"""The tracks of a soak: encodings, lengths and rates as the seed has it, made with ffmpeg."""

import random
from pathlib import Path

from lab.playback import media
from lab.playback.demomedia import encode
from lab.playback.media import Media

#: Suffix, ffmpeg's options, and the share of such tracks. What a collection has: most of it MP3.
_KINDS = (
    (".mp3", ("-c:a", "libmp3lame", "-b:a", "128k"), 4),
    (".mp3", ("-c:a", "libmp3lame", "-q:a", "2"), 2),
    (".mp3", ("-c:a", "libmp3lame", "-b:a", "320k"), 1),
    (".flac", ("-c:a", "flac", "-sample_fmt", "s16"), 3),
    (".m4a", ("-c:a", "alac"), 1),
)
_RATES = (44100, 44100, 48000)
_LENGTHS_S = (8, 15, 30, 60, 120)


def make(chance: random.Random, folder: Path, number: int = 12) -> list[Media]:
    """Write *number* tracks below *folder*, one at least of each kind, and read them. Raises LabError."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = [*_KINDS, *chance.choices(_KINDS, [share for _, _, share in _KINDS], k=number)][:number]
    tracks = []
    for index, (suffix, options, _) in enumerate(kinds):
        path = folder / f"track{index}{suffix}"
        seconds, rate = chance.choice(_LENGTHS_S), chance.choice(_RATES)
        encode({path: options}, seconds=seconds, rate=rate)
        tracks.append(media.read(path))
        media.check(tracks[-1])
    return tracks
