# SPDX-License-Identifier: MIT
"""Saves what the board can tell of itself, at the end of a run or after something went wrong."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from labgrid import Target

from lab.drivers.remote import RemoteDriver, RemoteError

#: What is asked, by the name of the file that keeps the answer. Commands that a board lacks just say so.
COMMANDS: Mapping[str, str] = {
    "dmesg.txt": "dmesg --kernel --ctime || dmesg",
    "journal.txt": "journalctl --boot --no-pager --output=short-monotonic",
    "units.txt": "systemctl --failed --no-pager; systemctl list-units --no-pager",
    "dsp.txt": "journalctl --boot --no-pager --output=short-monotonic --unit=virtual-adsp",
    "dsp-streams.txt": "tail -n +1 /run/virtual-adsp/record/*/stream.json",
    "pipewire.json": "PIPEWIRE_RUNTIME_DIR=/run/pipewire pw-dump",
    "wireplumber.txt": "PIPEWIRE_RUNTIME_DIR=/run/pipewire wpctl status",
    "sound.txt": "cat /proc/asound/cards /proc/asound/pcm; ls -l /dev/snd; amixer -c0 contents",
    "processes.txt": "ps -eo pid,ppid,stat,time,args || ps",
}
_MARK = "=== lab.postmortem {name} ==="


def save(target: Target, folder: Path, console: Path | None = None) -> list[Path]:
    """Ask the board for its state, by one command over SSH, and write the answers into *folder*.

    *console* is the console's log so far, which is copied. A board that does not answer leaves a file that
    says so; nothing is raised. Returns the files with the answers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if console and console.exists():
        shutil.copyfile(console, folder / "console.txt")
    remote = target.get_driver(RemoteDriver, activate=False)
    # One round trip, and no command may hang: the board is sick, perhaps.
    script = "\n".join(
        f"echo '{_MARK.format(name=name)}'\ntimeout 60 sh -c '{command}' 2>&1"
        for name, command in COMMANDS.items()
    )
    try:
        target.activate(remote)
        output = remote.run(script, timeout=60).text
    except RemoteError as error:
        path = folder / "no-answer.txt"
        path.write_text(f"{error}\n")
        return [path]
    paths = []
    for name in COMMANDS:
        _, _, rest = output.partition(_MARK.format(name=name) + "\n")
        paths.append(folder / name)
        paths[-1].write_text(rest.partition("=== lab.postmortem ")[0])
    return paths
