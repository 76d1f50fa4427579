# SPDX-License-Identifier: MIT
"""A fault, the player that it befalls, and what the board is worth afterwards."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from lab.drivers.remote import RemoteDriver
from support.pipewire import ENVIRONMENT

#: Where the files to play are on the board.
FOLDER = "/tmp/faults"
#: What is played after a fault.
NEXT = f"{FOLDER}/next.mp3"
#: Seconds of the board's time that a player has; timeout(1) says that it had to be killed.
LIMIT_S, KILLED = 120, (124, 137)
#: What must be the same before and after: nothing died, nothing was restarted.
DAEMONS = "pidof pipewire wireplumber; systemctl show --property=NRestarts --value pipewire wireplumber"
#: The kernel's words for what must not happen; "possible" begins lockdep's reports.
OOPS = re.compile(r"Unable to handle|WARNING|BUG|Oops|possible .* detected|refcount_t|blocked for more than")
#: The firmware as it should be: the sound card is new, and so is what the drivers know of it. It may start
#: some times before the kernel is done with the last one.
RESTART = (
    "virtual-adsp --order crash; sleep 5;"
    " until virtual-adsp --order status >/dev/null 2>&1; do sleep 0.2; done"
)
STRUCK = "journalctl --unit virtual-adsp --output cat | grep -c '^virtual-adsp: fault .* strikes'"

#: One command, so that the guest's time, which races while nobody works, is the measure of it all.
SCRIPT = """
export @ENVIRONMENT@
[ -z @ORDER@ ] || virtual-adsp --order @ORDER@ >/dev/null
read -r begin _ </proc/uptime
if [ -n "@FILES@" ]; then
    timeout --kill-after=5 @LIMIT@ pw-cat --playback --encoded @FILES@ >@FOLDER@/said 2>&1 </dev/null &
    player=$!
    sleep 0.3
    client=$(pidof pw-cat)
fi
{ @STEPS@; } >@FOLDER@/steps 2>&1
[ -z "$player" ] || wait $player
code=$?
read -r end _ </proc/uptime
virtual-adsp --order no-faults >/dev/null 2>&1
tries=0
while :; do
    known=$(ls /run/virtual-adsp/record)
    read -r start _ </proc/uptime
    timeout --kill-after=5 20 pw-cat --playback --encoded @NEXT@ >@FOLDER@/next-said 2>&1 </dev/null
    next=$?
    tries=$((tries + 1))
    # one that hangs will hang again
    [ $next -ne 0 ] && [ $next -ne 124 ] && [ $next -ne 137 ] && [ $tries -lt 20 ] || break
    sleep 0.2
done
echo "$code $begin $end $next $start"
echo $known
"""


@dataclass(frozen=True)
class Aftermath:
    """What a fault did. Times are seconds of the board's time."""

    struck: bool  #: what was ordered has happened
    code: int  #: of the player; see KILLED
    said: str  #: by the player, on standard error
    played_s: float  #: until the player ended
    next_code: int  #: of the first player afterwards that succeeded, or of the last that failed
    next_said: str
    next_after_s: float  #: from the end of the player to the start of that one
    known: list[str]  #: the streams that the DSP had seen before that one
    daemons_live: bool
    kernel: str  #: its log


def strike(remote: RemoteDriver, order: str, files: Sequence[str], steps: str = "") -> Aftermath:
    """Order a fault, play *files* (none: nothing is played) meanwhile doing *steps*, then play NEXT.

    *steps* are shell commands that find the player's process in ``$client``. Raises RemoteError.
    """
    before = remote.run_check(f"rm -f {FOLDER}/said; dmesg --clear; {DAEMONS}")
    struck = remote.run(STRUCK).text
    values = {
        "ENVIRONMENT": ENVIRONMENT,
        "ORDER": shlex.quote(f"fault {order}" if order else ""),
        "FILES": " ".join(f"{FOLDER}/{file}" for file in files),
        "STEPS": steps or ":",
        "LIMIT": str(LIMIT_S),
        "FOLDER": FOLDER,
        "NEXT": NEXT,
    }
    script = re.sub("@([A-Z]+)@", lambda name: values[name[1]], SCRIPT)
    times, _, known = remote.run_check(script, timeout=400).partition("\n")
    code, begin, end, next_code, start = times.split()
    kernel, said, next_said, after = remote.run_check(
        f"dmesg; echo @; cat {FOLDER}/said 2>/dev/null; echo @; cat {FOLDER}/next-said; echo @; {DAEMONS}"
    ).split("@\n")
    return Aftermath(
        struck=remote.run(STRUCK).text != struck,
        code=int(code),
        said=said.strip(),
        played_s=float(end) - float(begin),
        next_code=int(next_code),
        next_said=next_said.strip(),
        next_after_s=float(start) - float(end),
        known=known.split(),
        daemons_live=after == before,
        kernel=kernel,
    )
