# SPDX-License-Identifier: MIT
"""The script that runs on the board, run here with a player that only pretends."""

import subprocess
import time

import pytest

from lab.playback import player


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """Stand-ins for pidof (PipeWire is this very shell) and, made by a test, for pw-cat."""

    def make(name, body):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    make("pidof", "echo $PPID")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return make


def run(script, **options):
    playback = player.Playback()
    result = subprocess.run(
        ["sh", "-c", script], stdin=subprocess.PIPE, capture_output=True, text=True, timeout=90, **options
    )
    for line in result.stdout.splitlines():
        playback.read_line(line)
    playback.messages = result.stderr
    return playback


#: A player that plays until two samples of it were read.
TWO_SAMPLES = 'until [ -e "$(dirname "$0")/two-samples" ]; do sleep 0.05; done'


class Held:
    """A process whose standard input stays open, as over SSH; TWO_SAMPLES looks into *folder*."""

    def __init__(self, script, folder=None):
        pipe = subprocess.PIPE
        self.folder = folder
        self.process = subprocess.Popen(["sh", "-c", script], stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def lines(self):
        samples = 0
        for line in self.process.stdout:
            samples += line.startswith("sample")
            if samples == 2 and self.folder:
                (self.folder / "two-samples").touch()
            yield line.rstrip("\n")

    def finish(self):
        playback = player.Playback()
        for line in self.lines():
            playback.read_line(line)
        playback.messages = self.process.stderr.read()
        self.process.stdin.close()
        self.process.wait(timeout=90)
        self.process.stdout.close()
        self.process.stderr.close()
        return playback


def test_a_playback(tools, tmp_path):
    tools("pw-cat", f'echo "$@" >{tmp_path}/arguments; {TWO_SAMPLES}')
    playback = Held(player.script("/tmp/it's.mp3", target="the sink"), tmp_path).finish()
    assert playback.error is None and playback.code == 0
    assert len(playback.samples) >= 2
    assert playback.duration_s >= player.SAMPLE_S - 0.02  # as fine as /proc/uptime tells
    arguments = (tmp_path / "arguments").read_text()
    assert arguments == "--playback --encoded --target the sink /tmp/it's.mp3\n"


def test_samples_are_as_rare_as_asked(tools):
    tools("pw-cat", "exec sleep 1.3")
    rare = Held(player.script("x.mp3", sample_s=4)).finish()
    assert len(rare.samples) == 1 and rare.code == 0


def test_cpu_time_is_counted(tools):
    tools("pw-cat", "i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done; sleep 1")
    playback = Held(player.script("x.mp3")).finish()
    assert playback.samples[-1].player_ns > 20_000_000  # nanoseconds


def test_the_position_in_the_file_is_told(tools, tmp_path):
    music = tmp_path / "x.mp3"
    music.write_bytes(bytes(100_000))
    tools("pw-cat", 'for file; do :; done; exec 5<"$file"; dd bs=4096 count=3 <&5 >/dev/null 2>&1; sleep 1.2')
    playback = Held(player.script(str(music))).finish()
    assert playback.samples[-1].position == 3 * 4096


def test_the_counters_of_the_board(tools, tmp_path):
    """Idle states of two CPUs, and a meter of each kind; what others have besides does no harm."""
    sys = tmp_path / "sys"

    def tell(path, **files):
        (sys / path).mkdir(parents=True)
        for name, text in files.items():
            (sys / path / name).write_text(f"{text}\n")

    for cpu in "01":
        tell(f"devices/system/cpu/cpu{cpu}/cpuidle/state0", name="WFI", time=1_000_000)
        tell(f"devices/system/cpu/cpu{cpu}/cpuidle/state1", name="C1 ACPI", time=5)
    tell("class/hwmon/hwmon0", name="ina", energy1_input=100)
    tell("class/hwmon/hwmon1", name="thermal", temp1_input=7)
    tell("class/powercap/zone", name="package", energy_uj=0)
    idle = sys / "devices/system/cpu/cpu1/cpuidle/state0/time"
    energy = sys / "class/hwmon/hwmon0/energy1_input"
    tools("pw-cat", f"echo 2500000 >{idle}; echo 2000100 >{energy}; sleep 0.7")
    playback = Held(player.script("x.mp3").replace("/sys/", f"{sys}/")).finish()
    assert playback.idle_s == {"state0 WFI": 1.5, "state1 C1 ACPI": 0}
    assert playback.energy_j == {"ina energy1_input": 2.0, "package energy_uj": 0}
    assert playback.error is None


def test_a_board_without_counters(tools, tmp_path):
    tools("pw-cat", "sleep 0.7")
    playback = Held(player.script("x.mp3").replace("/sys/", f"{tmp_path}/")).finish()
    assert playback.idle_s == playback.energy_j == {} and not playback.messages


def test_somebody_looks_on(tools, tmp_path):
    """The kernel's messages as they come, the DSP's status with each sample; and nothing stays behind."""
    tools("pw-cat", TWO_SAMPLES)
    tools("dmesg", 'echo "$@"; echo a line; exec sleep 60')
    tools("virtual-adsp", 'echo "{\\"order\\": \\"$2\\"}"')
    held = Held(player.script("x.mp3", follow=True), tmp_path)
    lines = list(held.lines())
    assert {"kernel --follow-new", "kernel a line"} <= set(lines)
    assert lines.count('dsp {"order": "status"}') == sum(line.startswith("sample") for line in lines) >= 2
    assert lines[-1].startswith("end")
    held.finish()


def test_nobody_looks_on(tools):
    tools("pw-cat", "sleep 0.7")
    tools("dmesg", "echo kernel")
    held = Held(player.script("x.mp3"))
    assert {line.split()[0] for line in held.process.stdout} - {"counter"} == {"sample", "end"}
    held.finish()


def test_a_failing_player(tools):
    tools("pw-cat", "echo first >&2; echo 'cannot open x.mp3' >&2; exit 3")
    playback = Held(player.script("x.mp3")).finish()
    assert playback.error == "the player failed with exit code 3: cannot open x.mp3"


def test_pipewire_does_not_run(tools):
    tools("pidof", "exit 1")
    playback = run(player.script("x.mp3"))
    assert playback.error == "PipeWire does not run on the board"


def test_whoever_hangs_up_stops_the_player(tools, tmp_path):
    """No player stays behind when the lab goes away."""
    tools("pw-cat", f"echo $$ >{tmp_path}/pid; exec sleep 60")
    held = Held(player.script("x.mp3"))
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        time.sleep(0.02)
    held.process.stdin.close()
    assert held.process.wait(timeout=90) == 0
    code = [line.split()[2] for line in held.process.stdout if line.startswith("end")]
    assert code == ["143"]
    held.process.stdout.close()
    held.process.stderr.close()
