# SPDX-License-Identifier: MIT
"""Plays a file on the board through PipeWire's compressed-offload sink, and measures what that costs the CPU.

One command per playback: a shell script starts the player, samples the CPU time of PipeWire and of the player
by the board's own clock, and prints one line per sample. It ends with the player, or when its standard input
closes, so that an interrupted lab leaves no player behind.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

#: Seconds of the board's time between two samples. One costs an emulated CPU as much as 2 s of music.
SAMPLE_S = 0.5

#: Prints lines ``sample UPTIME PIPEWIRE_NS PLAYER_NS POSITION WAKEUPS``, and at the end ``end UPTIME CODE``.
#: /proc/PID/task/*/schedstat counts nanoseconds on a CPU; /proc/PID/stat would count ticks. A wake-up is what
#: ends a voluntary switch. Before and after come the board's counters, where it has any, as lines
#: ``counter start|end idle MICROSECONDS STATE`` (cpuidle, one per CPU) and ``counter start|end energy
#: MICROJOULES NAME`` (hwmon, powercap): Documentation/ABI/testing/sysfs-devices-system-cpu, sysfs-class-hwmon
#: and sysfs-class-powercap of the kernel. The player's standard input is a pipe that stays open, for keys.
#: Followed live, it also prints ``kernel MESSAGE`` and, where the DSP is a model, ``dsp STATUS``.
SCRIPT = r"""
export PIPEWIRE_RUNTIME_DIR=/run/pipewire
file=@FILE@
daemon=$(pidof -s pipewire) || { echo "PipeWire does not run on the board" >&2; exit 69; }
exec 3<&0
keys=/tmp/lab-keys.$$
mkfifo $keys && exec 4<>$keys && rm $keys
counters() {
    for state in /sys/devices/system/cpu/cpu*/cpuidle/state*; do
        read -r name <"$state/name" && read -r count <"$state/time" &&
            echo "counter $1 idle $count ${state##*/} $name"
    done
    for meter in /sys/class/hwmon/hwmon*/energy*_input /sys/class/powercap/*/energy_uj; do
        read -r name <"${meter%/*}/name" && read -r count <"$meter" &&
            echo "counter $1 energy $count $name ${meter##*/}"
    done
} 2>/dev/null
counters start
@COMMAND@ "$file" <&4 &
position=0
player=$!
(cat <&3 >/dev/null; kill $player) 2>/dev/null &
watcher=$!
@STEPS@
@FOLLOW@
statuses="/proc/$daemon/task/*/status /proc/$player/task/*/status"
manager=$(pidof -s wireplumber) && statuses="$statuses /proc/$manager/task/*/status"
spent() {
    ns=0
    for stat in /proc/$1/task/*/schedstat; do
        { read -r one rest <"$stat" && ns=$((ns + one)); } 2>/dev/null
    done
}
while read -r _ _ state _ </proc/$player/stat && [ "$state" != Z ]; do
    spent $daemon; daemon_ns=$ns
    spent $player
    for link in /proc/$player/fd/*; do
        [ "$link" -ef "$file" ] && read -r _ position </proc/$player/fdinfo/${link##*/}
    done
    wakeups=0
    for n in $(sed -n 's/^voluntary_ctxt_switches://p' $statuses); do wakeups=$((wakeups + n)); done
    read -r now _ </proc/uptime
    echo "sample $now $daemon_ns $ns $position $wakeups"
    @TELL@
    sleep @SAMPLE@
done 2>/dev/null
wait $player
code=$?
counters end
read -r now _ </proc/uptime
kill $watcher $follower
echo "end $now $code"
"""


_FOLLOW = r"""
messages=/tmp/lab-kernel.$$
mkfifo $messages && exec 5<>$messages && rm $messages
sed -u 's/^/kernel /' <&5 &
follower=$!
dmesg --follow-new >&5 2>/dev/null &
follower="$follower $!"
exec 5>&-
"""
_TELL = "! command -v virtual-adsp >/dev/null || echo dsp $(virtual-adsp --order status)"


class Sample(NamedTuple):
    """One look at the processes."""

    uptime_s: float
    pipewire_ns: int  #: on a CPU, since it started
    player_ns: int
    position: int  #: bytes of the file that the player has read
    wakeups: int = 0  #: of PipeWire, WirePlumber and the player since they started


@dataclass
class Playback:
    """What the client side of one playback saw; times are seconds of the board's uptime."""

    samples: list[Sample] = field(default_factory=list)
    ended_s: float | None = None
    code: int | None = None
    messages: str = ""  #: what the player wrote to standard error
    #: the board's counters at the start and at the end, by kind and name, all CPUs together
    counters: dict[str, list[int]] = field(default_factory=dict)
    broken: str | None = None  #: why its end was not seen: the time limit, or a lost link

    def read_line(self, line: str) -> None:
        """Take in one line of the script's output. Raises ValueError where its numbers are none."""
        match line.split():
            case ["sample", uptime, *counts]:
                if len(counts) not in (3, 4):
                    raise ValueError(f"{len(counts)} counts")
                self.samples.append(Sample(_seconds(uptime), *map(int, counts)))
            case ["counter", when, kind, count, *name]:
                both = self.counters.setdefault(" ".join([kind, *name]), [0, 0])
                both[when == "end"] += int(count)
            case ["end", uptime, code]:
                self.ended_s, self.code = _seconds(uptime), int(code)

    @property
    def idle_s(self) -> dict[str, float]:
        """Seconds that the CPUs spent in each idle state meanwhile; empty where the board does not tell."""
        return self._spent("idle ")

    @property
    def energy_j(self) -> dict[str, float]:
        """Joules that each of the board's meters counted meanwhile; empty where it has none."""
        return self._spent("energy ")

    def _spent(self, kind: str) -> dict[str, float]:
        if self.ended_s is None:
            return {}
        counters = self.counters.items()
        return {
            name.removeprefix(kind): (end - start) / 1e6
            for name, (start, end) in counters
            if name.startswith(kind)
        }

    @property
    def duration_s(self) -> float | None:
        """From the player's start to its end."""
        return self.ended_s - self.samples[0].uptime_s if self.samples and self.ended_s is not None else None

    @property
    def error(self) -> str | None:
        """Why the player failed, as a sentence; None where it did not."""
        if self.broken:
            return self.broken
        lines = [line.strip() for line in self.messages.splitlines() if line.strip()]
        if self.code is None:
            return lines[-1] if lines else "the player did not end"
        return (
            f"the player failed with exit code {self.code}: {lines[-1] if lines else 'no message'}"
            if self.code
            else None
        )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < 1e12:  # nor NaN
        raise ValueError(f"a time of {text}")
    return seconds


def script(
    remote_path: str,
    target: str = "",
    *,
    encoded: bool = True,
    options: Sequence[str] = (),
    steps: str = "",
    follow: bool = False,
    sample_s: float = SAMPLE_S,
) -> str:
    """The script that plays *remote_path* on the node *target*; by default WirePlumber chooses the node.

    Not *encoded*, the player decodes the file itself and plays PCM, as without offload. *options* go to the
    player; *steps* are shell commands run beside it, which find its process id in ``$player``, and give it
    keys through descriptor 4. To *follow* adds lines for somebody who looks on, which costs CPU. Between two
    samples are *sample_s* seconds; the end is noticed with the next one.
    """
    words = ["pw-cat", "--playback"]
    words += ["--encoded"] * encoded + ["--target", target] * bool(target) + [*options]
    return sampled(shlex.join(words), remote_path, steps, follow, sample_s)


def sampled(
    command: str, remote_path: str, steps: str = "", follow: bool = False, sample_s: float = SAMPLE_S
) -> str:
    """The script that plays *remote_path* with the shell's *command*, and samples."""
    return (
        SCRIPT.replace("@COMMAND@", command)
        .replace("@STEPS@", f"{{ {steps}; }} </dev/null >/dev/null &" if steps else "")
        .replace("@FOLLOW@", _FOLLOW if follow else "follower=")
        .replace("@TELL@", _TELL if follow else "")
        .replace("@SAMPLE@", f"{sample_s:g}")
        .replace("@FILE@", shlex.quote(remote_path))  # at last: nothing in it is for us
        .strip()
    )


def time_limit(duration_s: float) -> float:
    """Seconds of wall time that a playback may take; on a busy host virtual time runs slower than ours."""
    return 60 + 3 * duration_s
