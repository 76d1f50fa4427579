# SPDX-License-Identifier: MIT
"""One packet from the DSP that no driver may believe, and then the next file.

test_bridge_fuzz.py sends thousands of any kind; these are those that the patches of the drivers are for.
Without its patch, a driver takes what it should refuse, or damages the kernel, which says so.
"""

import struct

import pytest
from support.compress import assert_good
from support.faults import OOPS, RESTART
from support.pipewire import COMPRESS_SINK, sinks
from support.waiting import wait_for

pytestmark = pytest.mark.lg_feature(["dsp-record", "dsp-control"])

#: APR: include/linux/soc/qcom/apr.h; services: include/dt-bindings/soc/qcom,apr.h.
HEADER = struct.Struct("<HHBBHBBHII")
RESPONSE, APPS, ADSP = 1, 5, 4
CORE, AFE, ASM, ADM = 3, 4, 7, 8
#: Opcodes of q6core.c, q6afe.c, q6adm.c, q6asm.c.
BASIC_RESULT = 0x110E8
GET_FWK_VERSION, FWK_VERSION = 0x1292C, 0x1292D
PORT_START = 0x100E5
COPP_OPEN, COPP_CLOSE = 0x10326, 0x10327
RUN, WRITE_DONE, MAPPED = 0x10DAA, 0x10D99, 0x10D93
#: The compress front end's session and stream, and those of the first PCM: MultiMedia4 and 1.
COMPRESS, PCM = 0x401, 0x101
BUS = "/sys/bus/aprbus"
#: Of the front ends for PCM.
STATUS = "/proc/asound/card0/pcm*p/sub0/status"
#: Gives a service to its driver, once it is there: the kernel hears of them some time after the DSP runs.
BIND = (
    f"until [ -e {BUS}/devices/aprsvc:service:4:{{service}} ]; do sleep 0.2; done;"
    f" echo aprsvc:service:4:{{service}} >{BUS}/drivers/{{driver}}/bind"
)


def packet(service, opcode, *words, port=0, token=0, header_words=5):
    """What a fault is that sends *words* to the *port* of a service, as an answer to *token*."""
    head = HEADER.pack(
        RESPONSE << 8 | header_words << 4, HEADER.size + 4 * len(words),
        service, ADSP, port, service, APPS, port, token, opcode,
    )  # fmt: skip
    return f"packet:{(head + struct.pack(f'<{len(words)}I', *words)).hex()}"


@pytest.fixture
def fault(remote):
    """Orders faults."""

    def order(*faults):
        for fault in faults:
            remote.run_check(f"virtual-adsp --order 'fault {fault}'")

    yield order
    remote.run("virtual-adsp --order no-faults")


@pytest.fixture
def client(remote, bare):
    """Plays a file without PipeWire, and gives the file; what becomes of it does not matter."""

    def play(seconds=1):
        file, arguments = bare("a.mp3", seconds=seconds)
        remote.run(f"timeout 60 compress-client play {' '.join(map(str, arguments))}", timeout=180)
        return file

    return play


@pytest.fixture
def kernel(remote, in_shell, client, recorded):
    """Its log since the test began. At the end it is sound, and the next file plays."""
    # PipeWire keeps a PCM device some seconds after the last sound: its port and route are shared.
    remote.run_check(f"while grep -qv ^closed {STATUS}; do sleep 0.5; done; dmesg --clear", timeout=120)
    yield lambda: remote.run_check("dmesg")
    log = remote.run_check("dmesg")
    if OOPS.search(log):
        in_shell.transition("off")
        pytest.fail(f"the kernel is damaged: {log[-3000:]}")
    assert_good(client(), recorded()[-1:])


def test_a_header_that_is_larger_than_its_packet(fault, kernel):
    """Its payload would be wherever the stack points to."""
    fault("now " + packet(CORE, FWK_VERSION, 1, header_words=15))
    wait_for(lambda: "Wrong packet size" in kernel())


def test_more_services_than_the_packet_has(fault, kernel):
    """Memory for all of them would be 32 GB, copied from behind the packet."""
    fault("now " + packet(CORE, FWK_VERSION, 2, 0, 0, 0, 0xFFFFFFFF))
    assert not OOPS.search(kernel())


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        (PORT_START, "AFE enable for port"),
        (COPP_OPEN, "ADM copp cmd timedout"),
        ("open", "CMD 10db3 timeout"),
    ],
    ids=["afe", "adm", "asm"],
)
def test_an_answer_without_its_status(fault, kernel, client, command, complaint):
    """The status is read from behind the packet, where there is a zero: all went well."""
    fault(f"{command}:1 cut:4")
    client()
    assert complaint in kernel()


def test_an_answer_about_a_buffer_that_there_is_not(fault, kernel, client):
    """What is behind the list of buffers is not compared with the packet; the first of the list is."""
    for token in (0, 255):
        fault("run:1 " + packet(ASM, WRITE_DONE, 1, 1, 1, 0, port=COMPRESS, token=token))
    client()
    assert kernel().count("Expected addr") == 1


def test_an_answer_about_a_direction_that_there_is_not(fault, kernel, client):
    """The handle of a mapping is written behind the two directions."""
    fault("run:1 " + packet(ASM, MAPPED, 0xDEADBEEF, token=(COMPRESS >> 8) << 8 | 2))
    client()


def test_an_answer_about_a_device_that_is_being_closed(fault, kernel, client):
    """Its opening is given up after a second; the answer comes while it is closed."""
    fault(f"{COPP_OPEN}:1 late:1200", f"{COPP_CLOSE}:1 late:500")
    client()
    assert "ADM copp cmd timedout" in kernel()


def test_a_refused_write_while_its_stream_is_closed(fault, kernel, client):
    """The driver says of a file that is being closed that it cannot go on; the DSP, that it runs."""
    fault("write:1 status:1", "write:1 late:1500", "close:1 late:2000")
    fault("close:1 " + packet(ASM, BASIC_RESULT, RUN, 0, port=COMPRESS))
    client(seconds=0.2)


def test_run_before_there_are_buffers(kernel, remote):
    """A device that is open and has no parameters yet; PipeWire may leave it some seconds after a test."""
    order = "fault now " + packet(ASM, BASIC_RESULT, RUN, 0, port=PCM)
    opened = f"(exec 3>/dev/snd/pcmC0D0p && virtual-adsp --order '{order}' && sleep 0.2)"
    remote.run_check(f"until {opened}; do sleep 0.5; done", timeout=120)


@pytest.mark.parametrize(
    ("service", "driver"), [(AFE, "qcom-q6afe"), (ADM, "qcom-q6adm")], ids=["afe", "adm"]
)
def test_a_packet_while_a_driver_starts(fault, kernel, remote, service, driver):
    """It asks the DSP for its versions before its data is complete."""
    try:
        remote.run_check(f"echo 0 >{BUS}/drivers_autoprobe; {RESTART}; dmesg --clear", timeout=180)
        remote.run_check(BIND.format(service=CORE, driver="qcom-q6core"))
        fault(f"{GET_FWK_VERSION}:1 " + packet(service, BASIC_RESULT, COPP_CLOSE, 0))
        remote.run_check(BIND.format(service=service, driver=driver))
        log = kernel()
    finally:
        remote.run_check(f"echo 1 >{BUS}/drivers_autoprobe; {RESTART}", timeout=180)
        wait_for(lambda: COMPRESS_SINK in sinks(remote))
    assert f"service is not registered ({service})" in log
