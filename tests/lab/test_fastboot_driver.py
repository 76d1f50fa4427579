# SPDX-License-Identifier: MIT
"""LimitedFastbootDriver with a client that only pretends, and with nobody listening."""

import socket
from pathlib import Path

import pytest
from labgrid import Target

from lab.drivers.endpoints import DirectNetFastboot
from lab.drivers.fastboot import FastbootError, FastbootLinkError, LimitedFastbootDriver
from lab.preflight import Survey


@pytest.fixture
def driver(tmp_path):
    """A driver whose port nobody listens on."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        target = Target("main")
        DirectNetFastboot(target, None, address="127.0.0.1", port=str(unused.getsockname()[1]))
        driver = LimitedFastbootDriver(target, None, answer_timeout=0.5)
        driver.log = tmp_path / "fastboot.log"
        target.activate(driver)
        yield driver
        target.cleanup()


@pytest.fixture
def client(driver, tmp_path):
    """Replaces the fastboot program."""

    def make(body):
        program = tmp_path / "fastboot"
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
        driver.tool = str(program)

    return make


def test_nobody_answers(driver):
    with pytest.raises(FastbootError, match="hold VOL- and power-cycle it"):
        driver.await_answer()


def test_somebody_who_speaks_no_fastboot(driver):
    with socket.create_server(("127.0.0.1", 0)) as server:
        driver.fastboot.port = server.getsockname()[1]
        assert driver.answers(0.3) is False


def test_a_client_that_hangs_is_killed(driver, client, tmp_path):
    driver.command_timeout = 1
    client(f"echo $$ >{tmp_path}/pid; exec sleep 60")
    with pytest.raises(FastbootError, match="fastboot continue did not end within 1 s"):
        driver("continue")
    pid = int((tmp_path / "pid").read_text())
    assert not Path(f"/proc/{pid}").exists()


def test_the_bootloaders_reason(driver, client):
    client("echo \"Sending 'boot_a' (8 KB)\"; echo \"FAILED (remote: 'bad boot magic')\" >&2; exit 1")
    with pytest.raises(FastbootError, match="fastboot flash boot: bad boot magic"):
        driver("flash", "boot", "boot.img")
    assert "bad boot magic" in driver.log.read_text()


def test_a_lost_link(driver, client):
    client('echo "FAILED (Write to device failed (Connection reset by peer))"; exit 1')
    with pytest.raises(FastbootError, match="Write to device failed"):
        driver("flash", "boot", "x")


def test_output_comes_as_it_is_written(driver, client, tmp_path):
    """The client goes on when what it has said was heard; there is no end of line yet."""
    seen = []

    def listen(line):
        seen.append(line.strip())
        (tmp_path / "heard").touch()

    driver.listener = listen
    heard = f"until [ -e {tmp_path}/heard ]; do sleep 0.05; done"
    client(f"printf \"Sending 'boot_a' (8 KB)    \"; {heard}; echo 'OKAY [  0.400s]'")
    driver("flash", "boot", "x")
    assert seen[0] == "Sending 'boot_a' (8 KB)"
    assert "OKAY" in seen[1]


def test_getvar(driver, client):
    client("echo 'partition-size:boot_a: 0x4000000' >&2; echo 'Finished. Total time: 0.001s' >&2")
    assert driver.getvar("partition-size:boot_a") == "0x4000000"


def test_an_unknown_variable(driver, client):
    """The stock client prints FAILED and exits 0."""
    client("echo 'getvar:nonesuch FAILED (remote: unknown variable)' >&2")
    with pytest.raises(FastbootError, match="no nonesuch: unknown variable"):
        driver.getvar("nonesuch")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("exec sleep 60", "fastboot getvar did not end within 1 s: power-cycle the board"),
        ("echo 'error: Failed to connect to 127.0.0.1:5554' >&2; exit 1", "getvar product: error: Failed to"),
    ],
)
def test_a_bootloader_that_is_gone_has_no_variables(driver, client, body, message):
    driver.command_timeout = 1
    client(body)
    with pytest.raises(FastbootLinkError, match=message):
        driver.getvar("product")


def test_silence_does_not_mean_that_a_board_has_no_slots(driver, client):
    driver.command_timeout = 1
    client('for var; do :; done; case $var in has-slot:*) exec sleep 60 ;; *) echo "$var: 4096" ;; esac')
    with pytest.raises(FastbootLinkError, match="did not end"):
        Survey.of(driver, ["boot"])
