# SPDX-License-Identifier: MIT
"""Does anything grow, or break in silence? The daemons' memory, files and processes, the kernel's log."""

from collections.abc import Sequence
from typing import NamedTuple

from lab.drivers.remote import RemoteDriver, RemoteError

DAEMONS = ("pipewire", "wireplumber")
#: What the kernel prints when something is wrong with it.
_TROUBLE = "WARNING: |BUG: |Oops|Unable to handle|blocked for more than|inconsistent lock state"
_SCRIPT = f"""
for daemon in {" ".join(DAEMONS)}; do
    pid=$(pidof -s $daemon) || exit 69
    rss=$(sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/$pid/status)
    echo $daemon $pid $rss $(ls /proc/$pid/fd | wc -l)
done
echo kernel $(dmesg | grep -cE '{_TROUBLE}')
"""
#: Kilobytes by which a daemon may grow, and samples at either end whose median counts.
GROWTH_KB = 1024
_ENDS = 10


class Daemon(NamedTuple):
    """One daemon at one moment."""

    pid: int
    rss_kb: int
    fds: int


class Health(NamedTuple):
    """The board at one moment."""

    trouble: int  #: lines of the kernel's log
    daemons: dict[str, Daemon]


def look(remote: RemoteDriver) -> Health:
    """Ask the board. Raises RemoteError, also where a daemon is gone."""
    result = remote.run(_SCRIPT, timeout=120)
    if result.code == 69:
        raise RemoteError("a daemon does not run anymore")
    daemons, trouble = {}, 0
    for line in result.text.splitlines():
        match line.split():
            case ["kernel", count]:
                trouble = int(count)
            case [name, pid, rss, fds]:
                daemons[name] = Daemon(int(pid), int(rss), int(fds))
    return Health(trouble, daemons)


def compare(before: Health, after: Health) -> str | None:
    """What broke between the two, as a sentence."""
    if after.trouble > before.trouble:
        return "the kernel complains: see dmesg.txt"
    for name in DAEMONS:
        if before.daemons[name].pid != after.daemons[name].pid:
            return f"{name} was restarted"
    return None


def growth(samples: Sequence[Health]) -> list[str]:
    """What grew from the start to the end of a soak, as sentences; too few samples tell nothing."""
    if len(samples) < 3 * _ENDS:
        return []
    found = []
    for name in DAEMONS:
        first, last = (
            [sample.daemons[name] for sample in part]
            for part in (samples[_ENDS : 2 * _ENDS], samples[-_ENDS:])
        )
        more_kb = _median([one.rss_kb for one in last]) - _median([one.rss_kb for one in first])
        more_fds = _median([one.fds for one in last]) - _median([one.fds for one in first])
        if more_kb > GROWTH_KB:
            found.append(f"{name} grew by {more_kb} kB")
        if more_fds > 0:
            found.append(f"{name} has {more_fds} more files open than at the start")
    return found


def _median(values: Sequence[int]) -> int:
    return sorted(values)[len(values) // 2]
