# SPDX-License-Identifier: MIT
"""RemoteDriver against an SSH server in this process."""

import os
import shutil
import socket
import threading

import paramiko
import pytest
from fake_ssh import ssh_server
from labgrid import Target
from labgrid.resource import NetworkService
from support.media import make
from support.records import faultless

from lab.drivers.dsprecord import DspRecordDriver
from lab.drivers.remote import HostKeyError, RemoteDriver, RemoteError
from lab.playback import media


@pytest.fixture
def keys(tmp_path):
    key = paramiko.RSAKey.generate(2048)
    path = tmp_path / "id"
    key.write_private_key_file(str(path))
    return key, path


@pytest.fixture
def server(keys):
    with ssh_server(keys[0]) as running:
        yield running


@pytest.fixture
def target(server):
    target = Target("main")
    NetworkService(target, None, address="127.0.0.1", username="root", port=server[0])
    yield target
    target.cleanup()


@pytest.fixture
def remote(target, keys):
    driver = RemoteDriver(target, None, keyfile=str(keys[1]))
    target.activate(driver)
    return driver


def test_output_and_code(remote):
    result = remote.run("echo out; echo err >&2; exit 7")
    assert (result.code, result.text, result.stderr) == (7, "out\n", "err\n")


def test_lines_come_while_it_runs(remote, tmp_path):
    """The command goes on when its first line has come."""
    seen = []

    def listen(line):
        seen.append(line)
        (tmp_path / line).touch()

    remote.run(f"echo one; until [ -e {tmp_path}/one ]; do sleep 0.05; done; echo two", on_line=listen)
    assert seen == ["one", "two"]


def test_large_output_is_complete(remote):
    assert remote.run("head -c 5000000 /dev/zero").stdout == bytes(5_000_000)


def test_output_after_the_exit_code(remote):
    """OpenSSH tells the exit code when the shell ends, and what its children still write comes later."""
    assert remote.run("(sleep 0.5; echo late) & echo early").text == "early\nlate\n"


def test_standard_input(remote):
    assert remote.run("cat", stdin="hello").text == "hello"


def test_time_limit(remote, tmp_path):
    with pytest.raises(RemoteError, match="did not finish within 1 s: sleep 30"):
        remote.run("sleep 30", timeout=1)
    assert remote.run("echo still there").text == "still there\n"


def test_run_check_tells_the_reason(remote):
    with pytest.raises(RemoteError, match=r"ls /nonexistent: .*No such file"):
        remote.run_check("ls /nonexistent")


def test_copies(remote, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(os.urandom(300_000))
    seen = []
    remote.put(source, str(tmp_path / "there"), lambda done, total: seen.append((done, total)))
    remote.get(str(tmp_path / "there"), tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == source.read_bytes()
    assert seen[-1] == (300_000, 300_000) and len(seen) > 1


def test_a_copy_that_breaks_off_leaves_nothing(remote, server, tmp_path):
    (tmp_path / "there").write_bytes(bytes(3_000_000))
    (tmp_path / "back").write_text("before")

    def cut(done, total):
        for transport in server[1]:
            transport.close()

    with pytest.raises(RemoteError, match=r"copying .* failed"):
        remote.get(str(tmp_path / "there"), tmp_path / "back", cut)
    assert (tmp_path / "back").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back", "id", "there"]


def test_the_boards_disk_is_full(remote, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"x")
    with pytest.raises(RemoteError, match="/full/x on the board failed: its disk may be full"):
        remote.put(source, "/full/x")


def test_a_missing_file(remote, tmp_path):
    with pytest.raises(RemoteError, match="No such file"):
        remote.get("/nonexistent", tmp_path / "x")


def test_a_broken_link(remote, server):
    threading.Timer(0.3, lambda: [transport.close() for transport in server[1]]).start()
    with pytest.raises(RemoteError, match=r"link to the board.*offload-lab board status"):
        remote.run("sleep 10")
    with pytest.raises(RemoteError, match=r"link to the board.*offload-lab board status"):
        remote.run("true")


def test_a_key_that_does_not_fit(target, tmp_path):
    path = tmp_path / "other"
    paramiko.RSAKey.generate(2048).write_private_key_file(str(path))
    with pytest.raises(RemoteError, match="refuses the key"):
        target.activate(RemoteDriver(target, None, keyfile=str(path)))


@pytest.fixture
def known_hosts(tmp_path):
    return tmp_path / "board" / "known_hosts"


def connect(target, keys, known_hosts):
    driver = RemoteDriver(target, str(len(target.drivers)), keyfile=str(keys[1]))
    driver.known_hosts = str(known_hosts)
    target.activate(driver)
    return driver


def test_the_boards_key_is_kept_on_first_use(target, keys, known_hosts):
    connect(target, keys, known_hosts)
    (line,) = known_hosts.read_text().splitlines()
    assert line == f"board {keys[0].get_name()} {keys[0].get_base64()}"
    assert connect(target, keys, known_hosts).run("true").code == 0


def test_another_key_is_refused(target, keys, known_hosts):
    other = paramiko.RSAKey.generate(2048)
    known_hosts.parent.mkdir()
    known_hosts.write_text(f"board {other.get_name()} {other.get_base64()}\n")
    with pytest.raises(HostKeyError, match=r"another SSH key than before .* remove .*known_hosts"):
        connect(target, keys, known_hosts)
    assert other.get_base64() in known_hosts.read_text()


def test_nobody_answers(keys):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        target = Target("main")
        NetworkService(target, None, address="127.0.0.1", username="root", port=unused.getsockname()[1])
        with pytest.raises(RemoteError, match="does not answer by SSH within 1 s"):
            target.activate(RemoteDriver(target, None, keyfile=str(keys[1]), connection_timeout=1))


def test_new_records_only(target, remote, tmp_path):
    there = tmp_path / "record"
    file = media.read(make(tmp_path / "a.mp3", seconds=1))
    dsp = DspRecordDriver(target, None, folder=str(there))
    target.activate(dsp)
    for number in ("0001", "0002"):
        faultless(there / number, file)
    known = dsp.streams()
    assert known == ["0001", "0002"]
    assert dsp.fetch_new(known, tmp_path / "none") == []
    faultless(there / "0003", file, underruns=5)
    (record,) = dsp.fetch_new(known, tmp_path / "got")
    assert record.stream["underruns"] == 5
    assert record.received == file.payload
    assert record.folder == tmp_path / "got" / "0003"
    assert len(dsp.fetch_new([], tmp_path / "all")) == 3


@pytest.mark.parametrize("times", [1, 9])
def test_a_record_that_changes_as_it_is_read(target, remote, tmp_path, monkeypatch, times):
    """A stream is being closed: it is read again, but not for ever."""
    there = tmp_path / "record"
    faultless(there / "0001", media.read(make(tmp_path / "a.mp3", seconds=1)))
    tar = tmp_path / "bin" / "tar"
    tar.parent.mkdir()
    count = f"echo >>{tmp_path}/calls; [ $(wc -l <{tmp_path}/calls) -gt {times} ]"
    tar.write_text(f'#!/bin/sh\n{count} || {{ echo "tar: 0001: file changed as we read it" >&2; exit 1; }}\n'
                   f'exec {shutil.which("tar")} "$@"\n')  # fmt: skip
    tar.chmod(0o755)
    monkeypatch.setenv("PATH", str(tar.parent), prepend=":")
    dsp = DspRecordDriver(target, None, folder=str(there))
    target.activate(dsp)
    if times == 1:
        assert len(dsp.fetch_new([], tmp_path / "got")) == 1
    else:
        with pytest.raises(RemoteError, match="file changed as we read it"):
            dsp.fetch_new([], tmp_path / "got")
