# SPDX-License-Identifier: MIT
"""CheckedSSHDriver against an SSH server in this process: labgrid's driver, and it knows the board's key."""

import shutil

import paramiko
import pytest
from fake_ssh import ssh_server
from labgrid import Target
from labgrid.driver import SSHDriver
from labgrid.resource import NetworkService
from labgrid.util.yaml import load as load_yaml

from lab.drivers import CheckedSSHDriver, RemoteDriver
from lab.drivers.remote import HostKeyError
from lab.environment import FOLDER

pytestmark = pytest.mark.skipif(not shutil.which("ssh"), reason="no ssh: apt install openssh-client")


@pytest.fixture(scope="module")
def key():
    return paramiko.RSAKey.generate(2048)


@pytest.fixture
def target(key):
    target = Target("main")
    with ssh_server(key) as (port, _):
        NetworkService(target, None, address="127.0.0.1", username="root", port=port)
        yield target
        target.cleanup()


@pytest.fixture
def known_hosts(tmp_path):
    """In a folder with characters that ssh has a meaning for."""
    return tmp_path / "50% of it" / "known_hosts"


@pytest.fixture
def connect(target, key, tmp_path, known_hosts):
    key.write_private_key_file(str(tmp_path / "id"))

    def connect(kind=CheckedSSHDriver):
        driver = kind(target, f"driver{len(target.drivers)}", keyfile=str(tmp_path / "id"))
        driver.known_hosts = str(known_hosts)
        target.activate(driver)
        return driver

    return connect


def line(key):
    return f"board {key.get_name()} {key.get_base64()}\n"


def test_the_known_key(connect, key, known_hosts, tmp_path):
    known_hosts.parent.mkdir()
    known_hosts.write_text(line(key))
    ssh = connect()
    ssh.explicit_scp_mode = True  # runs scp on the other side, too: the server's SFTP is for RemoteDriver
    assert ssh.run("echo out; echo err >&2; exit 7") == (["out"], ["err"], 7)
    source = tmp_path / "source"
    source.write_bytes(bytes(range(256)) * 1000)
    ssh.put(str(source), str(tmp_path / "there"))
    ssh.get(str(tmp_path / "there"), str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == source.read_bytes()
    assert ssh.scp(src=f":{tmp_path}/there", dst=str(tmp_path / "again")) == 0
    assert (tmp_path / "again").read_bytes() == source.read_bytes()
    assert known_hosts.read_text() == line(key)


def test_the_first_key_is_kept_for_both_drivers(connect, key, known_hosts):
    assert connect().run_check("echo it") == ["it"]
    assert known_hosts.read_text() == line(key)
    assert connect(RemoteDriver).run_check("echo it") == "it\n"
    assert connect().run_check("echo it") == ["it"]


@pytest.mark.parametrize("make", [lambda: paramiko.RSAKey.generate(2048), paramiko.ECDSAKey.generate])
def test_another_key_is_refused(connect, known_hosts, make):
    before = line(make())
    known_hosts.parent.mkdir()
    known_hosts.write_text(before)
    said = []
    for kind in (CheckedSSHDriver, RemoteDriver):
        with pytest.raises(
            HostKeyError, match=r"another SSH key than before \(.* remove .*known_hosts"
        ) as raised:
            connect(kind)
        said.append(str(raised.value))
    assert "SHA256:" in said[0]
    assert known_hosts.read_text() == before


def test_a_link_that_is_lost_is_not_made_anew_with_another_key(connect, known_hosts):
    """Without the one connection that its calls share, ssh makes others."""
    ssh = connect()
    known_hosts.write_text(line(paramiko.RSAKey.generate(2048)))
    ssh.control += ".gone"
    ssh.ssh_prefix = [
        option + ".gone" if option.startswith("ControlPath=") else option for option in ssh.ssh_prefix
    ]
    _, said, code = ssh.run("echo it")
    assert code == 255 and "Host key verification failed." in "\n".join(said)


def test_every_environment_has_it():
    for file in FOLDER.glob("*.yaml"):
        drivers = load_yaml(file.read_text())["targets"]["main"]["drivers"]
        assert "SSHDriver" not in drivers
        for name in ("keyfile", "known_hosts"):
            assert drivers["CheckedSSHDriver"][name].template == drivers["RemoteDriver"][name].template
    assert issubclass(CheckedSSHDriver, SSHDriver)
