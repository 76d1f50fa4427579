# SPDX-License-Identifier: MIT
"""What only hardware can show. Each test needs a feature that the board's environment announces when the
thing is connected (lab/env/db845c.yaml); without it, it is skipped by name. docs/real-board.md has the list.
"""

import os
import subprocess
import wave

import numpy as np
import pytest
from support.media import make

from lab.drivers.powermeter import PowerMeter
from lab.playback import media

#: Seconds of music for measurements.
LONG = 60


@pytest.fixture
def meter(target, in_shell) -> PowerMeter:
    meter = next((driver for driver in target.drivers if isinstance(driver, PowerMeter)), None)
    assert meter, "the environment announces power-meter, but has no driver for one"
    target.activate(meter)
    return meter


@pytest.fixture
def tone(tmp_path):
    """A file that can be recognised by its frequency: 1 kHz on both channels."""

    def tone(name):
        source = "sine=frequency=1000:sample_rate=48000:duration=8"
        command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-ac", "2", tmp_path / name]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        return tmp_path / name

    return tone


@pytest.mark.lg_feature("hardware")
def test_the_dsps_firmware(remote):
    """The audio DSP runs, and its firmware says which it is."""
    states = remote.run_check("grep -H . /sys/class/remoteproc/*/name /sys/class/remoteproc/*/state")
    adsp = next(line.split(":")[0].rsplit("/", 1)[0] for line in states.splitlines() if line.endswith("adsp"))
    assert f"{adsp}/state:running" in states
    version = remote.run_check(
        "cat /sys/kernel/debug/qcom_socinfo/adsp/* 2>/dev/null || dmesg | grep -i adsp"
    )
    assert version.strip()


@pytest.mark.lg_feature("hardware")
def test_the_dsps_restart(remote, play, tmp_path):
    """A crash of the whole DSP, as the kernel's debugfs makes it: the card comes back and plays."""
    remote.run_check(
        "cd /sys/class/remoteproc && for r in *; do [ $(cat $r/name) != adsp ] || "
        "{ echo stop > $r/state; sleep 1; echo start > $r/state; }; done"
    )
    remote.run_check("timeout 60 sh -c 'until test -c /dev/snd/comprC0D3; do sleep 1; done'", timeout=90)
    assert play(make(tmp_path / "again.mp3", seconds=4)).verdict.error is None


@pytest.mark.lg_feature("hardware")
@pytest.mark.parametrize("name", ["a.mp3", "a.flac"])
def test_timestamps_follow_the_clock(remote, compress_client, tmp_path, name):
    """The position that the driver reports grows with time, and reaches the end."""
    file = media.read(make(tmp_path / name, seconds=10))
    packets = tmp_path / "packets"
    packets.write_bytes(file.payload)
    remote.put(packets, "/tmp/packets")
    events = compress_client(
        "play",
        "--tstamp-interval",
        100,
        "-c",
        file.codec,
        "-r",
        file.rate,
        "-n",
        file.channels,
        "/tmp/packets",
    )
    positions = [event for event in events if event["event"] == "tstamp"]
    assert [p["copied_total"] for p in positions] == sorted(p["copied_total"] for p in positions)
    (start,) = (event for event in events if event["event"] == "start")
    (drained,) = (event for event in events if event["event"] == "drained")
    # A second: what the firmware trims, and how it ends a stream, is its own (docs/virtual-board.md).
    assert (drained["t_us"] - start["t_us"]) / 1e6 == pytest.approx(10, abs=1)
    assert drained["copied_total"] == len(file.payload)


@pytest.mark.lg_feature("hardware")
def test_the_cpu_sleeps(remote, target, tmp_path, in_shell):
    """Idle states deeper than WFI take most of the time while the DSP plays."""
    cpus = int(remote.run_check("nproc"))
    file = media.read(make(tmp_path / "a.mp3", seconds=LONG))
    playback = target.get_driver("PlayerDriver").play(file)
    assert playback.error is None
    deep = sum(seconds for state, seconds in playback.idle_s.items() if not state.startswith("state0 "))
    assert deep / playback.duration_s / cpus > 0.5


@pytest.mark.lg_feature("power-meter")
def test_offload_takes_less_power(meter, target, tmp_path):
    """Watts while the DSP decodes, against the CPU doing it."""
    from threading import Thread

    file = media.read(make(tmp_path / "a.mp3", seconds=LONG))
    player = target.get_driver("PlayerDriver")
    watts = {}
    for encoded in (True, False):
        playing = Thread(target=player.play, args=(file,), kwargs={"encoded": encoded})
        playing.start()
        meter.mean_w(LONG / 6)  # start-up is not what is measured
        watts[encoded] = meter.mean_w(LONG / 2)
        playing.join()
    assert watts[True] < watts[False]


def spectrum_peak(path):
    """Frequency in Hz of the strongest component, and its level against the whole."""
    with wave.open(str(path)) as recording:
        samples = np.frombuffer(recording.readframes(recording.getnframes()), "<i2").astype(float)
        rate = recording.getframerate()
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    peak = int(power[10:].argmax()) + 10
    return peak * rate / len(samples), power[peak - 3 : peak + 4].sum() / power[10:].sum()


@pytest.mark.lg_feature("loopback")
@pytest.mark.parametrize("name", ["tone.mp3", "tone.flac"])
@pytest.mark.parametrize(
    "output", [pytest.param(o, marks=pytest.mark.lg_feature(o)) for o in ("hdmi", "headphones")]
)
def test_it_can_be_heard(remote, play, tone, tmp_path, output, name):
    """This machine's sound input hears the tone. OFFLOAD_CAPTURE names its ALSA device."""
    verb, device = ("HDMI", "HDMI") if output == "hdmi" else ("HiFi", "Headphones")
    remote.run_check(f"alsaucm -c hw:0 set _verb {verb} set _enadev {device}")
    recording = tmp_path / "heard.wav"
    source = os.environ.get("OFFLOAD_CAPTURE", "default")
    arecord = ["arecord", "-q", "-D", source, "-f", "S16_LE", "-r", "48000", "-c", "1", "-d", "8"]
    with subprocess.Popen([*arecord, str(recording)]) as capture:
        assert play(tone(name)).verdict.error is None
        assert capture.wait(30) == 0
    frequency, share = spectrum_peak(recording)
    assert frequency == pytest.approx(1000, rel=0.005)
    assert share > 0.9, "something else than the tone is heard, too"
