# SPDX-License-Identifier: MIT
"""The bounds of the layer's services are in force: what is tried inside of them is refused, as it should be.

systemd ignores what a kernel does not have, so what a unit says proves little. The tries are a reload of the
service, which runs in all of its bounds; its processes go on meanwhile.
"""

import json
import re

import pytest

SERVICES = [
    "pipewire",
    "wireplumber",
    pytest.param("virtual-adsp", marks=pytest.mark.lg_feature("dsp-record")),
]
#: linux/capability.h: CAP_SYS_NICE and CAP_SYS_RAWIO.
CAPABILITIES = {"pipewire": 1 << 23, "wireplumber": 1 << 23, "virtual-adsp": 1 << 17}

#: One line per try: its name, and "done" or the last words of why not. It is written where the service may.
PROBE = """\
cd "${RUNTIME_DIRECTORY:-$STATE_DIRECTORY}" || exit
try() {
    name=$1
    shift
    if message=$("$@" 2>&1); then echo "$name: done"; else echo "$name: ${message##*: }"; fi
}
{
    try system bash -c ': > /usr/sandbox-probe'
    try card bash -c ': < /dev/snd/controlC0'
    try device bash -c ': < /dev/sandbox-probe'
    try network bash -c 'echo > /dev/udp/127.0.0.1/9'
    try namespace unshare --user true
    try home ls /home
    try temporary cat /tmp/sandbox-probe
    try processes cat /proc/1/stat
    try sysctl cat /proc/sys/kernel/ostype
    try real-time chrt --fifo 1 true
} > sandbox-probe
"""
#: What outside of the bounds is "done".
REFUSED = {
    "system": "Read-only file system",
    "device": "Operation not permitted",
    "network": "Address family not supported by protocol",
    "namespace": "Operation not permitted",
    "home": "Permission denied",
    "temporary": "No such file or directory",
}
EXPECTED = {
    "pipewire": REFUSED | dict.fromkeys(("card", "processes", "sysctl", "real-time"), "done"),
    "wireplumber": REFUSED
    | dict.fromkeys(("card", "sysctl", "real-time"), "done")
    | {"processes": "No such file or directory"},
    "virtual-adsp": REFUSED
    | dict.fromkeys(("card", "real-time"), "Operation not permitted")
    | dict.fromkeys(("processes", "sysctl"), "No such file or directory"),
}


def tries(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w-]+): (?:.*: )?(.+)$", text, re.MULTILINE))


@pytest.fixture
def bait(remote):
    """What is there to be touched, for everyone: a device (the kernel's log), and a file of others."""
    if remote.run("bash --version && unshare --version && chrt --version").code:
        pytest.skip("bash, or unshare and chrt of util-linux, are not on this image")
    remote.run_check("mknod -m 666 /dev/sandbox-probe c 1 11; echo bait > /tmp/sandbox-probe")
    yield
    remote.run_check("rm -f /dev/sandbox-probe /tmp/sandbox-probe /usr/sandbox-probe")


@pytest.fixture
def probe(remote, bait):
    """Runs PROBE in the bounds of a service; what became of its tries."""
    remote.run_check("cat > /run/sandbox-probe <<'END'\n" + PROBE + "END")
    folders = "/run/systemd/system/{}.service.d"
    used = []

    def run(service: str) -> dict[str, str]:
        used.append(service)
        folder = folders.format(service)
        command = r"[Service]\nExecReload=/bin/sh /run/sandbox-probe\n"
        remote.run_check(
            f"mkdir -p {folder}; printf '{command}' > {folder}/90-probe.conf; systemctl daemon-reload"
        )
        remote.run_check(f"systemctl reload {service}")
        return tries(
            remote.run_check(f"cat /run/{service}/sandbox-probe || cat /var/lib/{service}/sandbox-probe")
        )

    yield run
    for service in used:
        left = [f"/run/{service}/sandbox-probe", f"/var/lib/{service}/sandbox-probe"]
        remote.run_check(f"rm -f {' '.join(left)} {folders.format(service)}/90-probe.conf")
    remote.run_check("rm /run/sandbox-probe; systemctl daemon-reload")


@pytest.fixture
def process(remote):
    """The process id of a service."""
    return lambda service: remote.run_check(f"systemctl show --property=MainPID --value {service}").strip()


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_service_has_no_business_with_is_refused(service, probe):
    assert probe(service) == EXPECTED[service]


def test_outside_of_the_bounds_all_that_can_be_done(remote, bait):
    """So it is the bounds that refuse it."""
    remote.run_check("mkdir -p /run/sandbox-probe.d")
    remote.run_check(f"RUNTIME_DIRECTORY=/run/sandbox-probe.d sh <<'END'\n{PROBE}END")
    found = tries(remote.run_check("cat /run/sandbox-probe.d/sandbox-probe; rm -r /run/sandbox-probe.d"))
    assert found == dict.fromkeys(EXPECTED["pipewire"], "done")


@pytest.mark.parametrize("service", SERVICES)
def test_the_process_itself_is_in_its_bounds(service, process, remote):
    status = remote.run_check(f"cat /proc/{process(service)}/status")
    fields = dict(re.findall(r"^(\w+):\t(.*)$", status, re.MULTILINE))
    assert int(fields["CapBnd"], 16) == int(fields["CapEff"], 16) == CAPABILITIES[service]
    assert fields["NoNewPrivs"] == "1"
    assert fields["Seccomp"] == "2"


@pytest.mark.parametrize("service", SERVICES)
def test_who_gets_a_socket_nevertheless_reaches_no_network(service, remote, bait):
    """A socket may be handed in, so the packets are stopped too."""
    group = remote.run_check(f"systemctl show --property=ControlGroup --value {service}").strip()
    send = "bash -c 'echo > /dev/udp/127.0.0.1/9'"
    remote.run_check(send)
    result = remote.run(f"echo 0 > /sys/fs/cgroup{group}/cgroup.procs && {send}")
    assert result.code
    assert "write error: Operation not permitted" in result.stderr


@pytest.mark.parametrize("service", ["pipewire", "wireplumber"])
def test_what_plays_has_real_time_priority(service, process, remote):
    """Field 41 of proc_pid_stat(5), the policy, is SCHED_FIFO (1) or SCHED_RR (2)."""
    threads = remote.run_check(f"cat /proc/{process(service)}/task/*/stat").splitlines()
    policies = {thread.split("(")[1].split(")")[0]: thread.rsplit(")")[-1].split()[38] for thread in threads}
    assert policies["data-loop.0"] in ("1", "2")


def test_a_client_of_another_user_has_all_rights(remote):
    """PipeWire finds it in /proc; one that it does not find counts as a Flatpak's."""
    objects = json.loads(remote.run_check("PIPEWIRE_RUNTIME_DIR=/run/pipewire pw-dump"))
    clients = [item["info"]["props"] for item in objects if item["type"] == "PipeWire:Interface:Client"]
    access = {client["application.name"]: client.get("pipewire.access") for client in clients}
    assert access["pw-dump"] == "unrestricted"
