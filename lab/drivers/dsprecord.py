# SPDX-License-Identifier: MIT
"""Fetches what a model DSP recorded. Boards that have one announce the feature ``dsp-record``."""

import io
import shutil
import tarfile
from pathlib import Path, PurePosixPath

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory
from labgrid.step import step

from lab.drivers.remote import RemoteError
from lab.playback.record import Record, RecordError

#: GNU tar's exit code where a file changed as it was read: a stream that is being closed, and then is not.
CHANGED = 1
TRIES = 5


@target_factory.reg_driver
@attr.s(eq=False)
class DspRecordDriver(Driver):
    """Reads the recordings of the DSP model on the board.

    Args:
        folder (str): where the DSP keeps one folder per stream
    """

    bindings = {"remote": "RemoteDriver"}  # noqa: RUF012  (labgrid's convention)
    folder: str = attr.ib(default="/run/virtual-adsp/record", validator=attr.validators.instance_of(str))

    @Driver.check_active
    @step(result=True)
    def streams(self) -> list[str]:
        """The names of the recorded streams, oldest first."""
        names = self.remote.run(f"ls {self.folder}").text.split()
        return sorted(name for name in names if name.isdecimal())  # they go into a shell's pattern later

    @Driver.check_active
    @step()
    def forget(self) -> None:
        """Remove the recordings of streams that are closed: the folder is in memory. Raises RemoteError."""
        closed = 'grep -qs \'"closed_us":[0-9]\' "$stream/stream.json"'
        self.remote.run_check(
            f'cd {self.folder} && for stream in *; do ! {closed} || rm -r "$stream"; done', timeout=60
        )

    @Driver.check_active
    @step(args=["known"])
    def fetch_new(self, known: list[str], into: Path) -> list[Record]:
        """Copy the streams that are not among *known* below the folder *into*, and read them.

        Raises RemoteError, RecordError.
        """
        skip = "|".join(["*[!0-9]*", *known])
        script = f"cd {self.folder} && set -- && for stream in *; do\n"
        script += f'case "$stream" in {skip}) ;; *) set -- "$@" "$stream" ;; esac\ndone\n'
        script += '[ $# -eq 0 ] || tar -cf - "$@"'
        for _ in range(TRIES):
            result = self.remote.run(script, timeout=300)
            if result.code != CHANGED:
                break
        if result.code:
            raise RemoteError(f"the DSP's record cannot be read: {result.stderr.strip()}")
        if not result.stdout:
            return []
        into.mkdir(parents=True, exist_ok=True)
        return unpack(result.stdout, into)


def unpack(data: bytes, into: Path) -> list[Record]:
    """Unpack a tar archive of streams' folders below *into*, and read them. Raises RecordError."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            names = _unpack(archive, into)
    except (tarfile.TarError, OSError, ValueError, EOFError, OverflowError, RecursionError) as error:
        raise RecordError(f"the DSP's record did not arrive whole: {error}") from error
    return [Record.load(into / name) for name in names]


def _unpack(archive: tarfile.TarFile, into: Path) -> list[str]:
    """Unpack ``STREAM/FILE`` members below *into*; the streams' names. Raises RecordError for others.

    Python's own safe extraction (``filter="data"``) is missing from Debian 12's 3.11.2.
    """
    names = set()
    for member in archive:
        path = PurePosixPath(member.name)
        if member.isdir():
            continue
        if (
            not member.isfile()
            or member.issparse()
            or len(path.parts) != 2
            or ".." in path.parts
            or path.is_absolute()
        ):
            raise RecordError(f"the DSP's record has a member {member.name}, which is no stream's file")
        stream = archive.extractfile(member)
        assert stream is not None
        (into / path.parent).mkdir(exist_ok=True)
        with (into / path).open("wb") as output:
            shutil.copyfileobj(stream, output)
        names.add(path.parts[0])
    return sorted(names)
