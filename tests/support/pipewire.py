# SPDX-License-Identifier: MIT
"""What PipeWire on the board says of itself."""

import json
from typing import NamedTuple

from lab.drivers.remote import RemoteDriver

#: For the shell's commands that speak to the daemon of the whole system.
ENVIRONMENT = "PIPEWIRE_RUNTIME_DIR=/run/pipewire"
COMPRESS_SINK = "api.alsa.compress.offload.sink"
PCM_SINK = "api.alsa.pcm.sink"


def sinks(remote: RemoteDriver) -> dict[str, int]:
    """The factory of each audio sink, and a number that only it has or had; none without a daemon."""
    dump = remote.run(f"{ENVIRONMENT} pw-dump").text
    nodes = [item["info"]["props"] for item in json.loads(dump or "[]") if item["type"].endswith(":Node")]
    return {
        node["factory.name"]: node["object.serial"]
        for node in nodes
        if node.get("media.class") == "Audio/Sink"
    }


class Held(NamedTuple):
    """What PipeWire's daemon holds of the system's."""

    fds: int
    threads: int
    rss_kb: int


def held(remote: RemoteDriver) -> Held:
    """What it holds when it has closed its devices, as it does some seconds after the last sound."""
    command = r"""
        cd /proc/$(pidof pipewire) || exit
        while ls -l fd | grep -qE '/dev/snd/(compr|pcm)'; do sleep 0.5; done
        ls fd | wc -l
        sed -n 's/^\(Threads\|VmRSS\):[^0-9]*//p' status
    """
    fds, rss, _, threads = remote.run_check(command).split()
    return Held(int(fds), int(threads), int(rss))
