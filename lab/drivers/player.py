# SPDX-License-Identifier: MIT
"""Plays encoded files on the board, and asks its compress device what it takes."""

import json
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory
from labgrid.step import step

from lab.drivers.remote import Progress, RemoteError, RemoteTimeoutError
from lab.playback import player
from lab.playback.media import Media


@target_factory.reg_driver
@attr.s(eq=False)
class PlayerDriver(Driver):
    """pw-cat on the board.

    Args:
        node (str): PipeWire node to play on; by default WirePlumber chooses the one that takes the encoding
        device (str): the compress device behind that node
        folder (str): where files to play are put on the board
    """

    bindings = {"remote": "RemoteDriver"}  # noqa: RUF012  (labgrid's convention)
    node: str = attr.ib(default="", validator=attr.validators.instance_of(str))
    device: str = attr.ib(default="/dev/snd/comprC0D3", validator=attr.validators.instance_of(str))
    folder: str = attr.ib(default="/tmp", validator=attr.validators.instance_of(str))

    @Driver.check_active
    @step(result=True)
    def codecs(self) -> list[str]:
        """The codecs that the DSP lists, by ALSA's names in lower case. Raises RemoteError."""
        caps = self.remote.run_check(f"compress-client caps --device {self.device}")
        try:
            return [codec.lower() for codec in json.loads(caps)["codecs"]]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise RemoteError(f"the board's list of codecs makes no sense: {caps[:80]!r}") from error

    @Driver.check_active
    @step(args=["media"])
    def play(
        self,
        media: Media,
        *,
        encoded: bool = True,
        options: Sequence[str] = (),
        steps: str = "",
        limit: float | None = None,
        follow: bool = False,
        sample_s: float = player.SAMPLE_S,
        copied: Progress | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> player.Playback:
        """Copy the file to the board and play it to its end, or for *limit* seconds of wall time.

        Not *encoded*, the board's CPU decodes it, and PipeWire plays PCM on its default sink. *options* go to
        the player; *steps* are shell commands run beside it, which find its process id in ``$player``. With
        *follow*, *on_line* gets what the kernel and a model DSP say meanwhile, too. A sample is taken each
        *sample_s* seconds of the board's time.
        Raises RemoteError where it cannot be copied; what happens later is told by the Playback.
        """
        remote_path = str(PurePosixPath(self.folder) / f"lab-play{media.path.suffix}")
        playback = player.Playback()

        def line(text: str) -> None:
            try:
                playback.read_line(text)
            except ValueError as error:
                raise RemoteError(f"the board's script printed what makes no sense: {text[:80]!r}") from error
            if on_line:
                on_line(text)

        self.remote.put(media.path, remote_path, copied)
        target = self.node if encoded else ""
        script = player.script(
            remote_path,
            target,
            encoded=encoded,
            options=options,
            steps=steps,
            follow=follow,
            sample_s=sample_s,
        )
        limit = limit or player.time_limit(media.duration_s)
        try:
            result = self.remote.run(script, timeout=limit, on_line=line)
        except RemoteTimeoutError:
            playback.broken = f"the player did not end within {limit:.0f} s"
        except RemoteError as error:
            playback.broken = str(error)
        else:
            playback.messages = result.stderr
        return playback
