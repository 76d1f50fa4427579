# SPDX-License-Identifier: MIT
"""The DSP dies while a client plays: the client is told, the kernel survives, and the device comes back."""

import pytest
from support.compress import assert_good
from support.waiting import wait_for

pytestmark = pytest.mark.lg_feature(["dsp-record", "dsp-control"])


@pytest.mark.parametrize("order", ["pd-restart", "crash"])
def test_with_a_client_that_plays(bare, compress_client, recorded, remote, in_shell, order):
    file, arguments = bare("lost.mp3", seconds=20)
    remote.run_check("systemctl stop wireplumber pipewire; dmesg --clear")
    try:
        line = f"compress-client lose {' '.join(map(str, arguments))}"
        # In one command: while the lab looks away, the board may have played the file to its end.
        remote.run_check(f"{line} > /tmp/lost 2>&1 & sleep 1; virtual-adsp --order {order}")
        wait_for(lambda: "close" in remote.run("cat /tmp/lost").text)
        output = remote.run_check("cat /tmp/lost")
        for call in ("write", "avail", "drain"):
            assert f'"call": "{call}", "error": "ENODEV"' in output
        assert '"call": "close", "error": ""' in output
        wait_for(lambda: remote.run("aplay -l 2>/dev/null; ls /dev/snd/comprC0D3").code == 0)
        wait_for(lambda: remote.run("systemctl is-active virtual-adsp").text.strip() == "active")
        log = remote.run_check("dmesg")
        assert "Unable to handle" not in log and "WARNING" not in log and "BUG" not in log
    finally:
        remote.run_check("systemctl start pipewire wireplumber")
    known = len(recorded())
    # WirePlumber gives the device up for good when it is busy while the sink is made.
    wait_for(lambda: remote.run(in_shell.ready).code == 0)
    compress_client("play", *arguments)
    assert_good(file, [recorded()[-1]])
    assert len(recorded()) > known
