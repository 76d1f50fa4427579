# SPDX-License-Identifier: MIT
"""The service registry's messages, against an independent reading of drivers/soc/qcom/qcom_pdr_msg.c."""

import random
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.dsp.driver import LIMIT, SOURCE

REQUEST, RESPONSE, INDICATION = 0, 2, 4
LISTENER, DOMAIN_LIST, STATE_UPDATED, SET_ACK, RESTART = 0x20, 0x21, 0x22, 0x23, 0x24
UP, DOWN = 0x1FFFFFFF, 0x0FFFFFFF
NOTHING, LISTEN, UNLISTEN, ACKNOWLEDGE, RESTART_NOW = range(5)
PATH = b"msm/adsp/audio_pd"


class Answer(NamedTuple):
    """What the DSP answers, taken apart."""

    kind: int
    transaction: int
    message: int
    tlvs: dict[int, bytes]
    action: int
    acknowledged: int


def message(kind: int, transaction: int, number: int, *tlvs: tuple[int, bytes]) -> bytes:
    body = b"".join(struct.pack("<BH", tag, len(value)) + value for tag, value in tlvs)
    return struct.pack("<BHHH", kind, transaction, number, len(body)) + body


Probe = Callable[[str], Answer | None]


@pytest.fixture(scope="module")
def probe(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probe]:
    del program  # the same sources; their build has shown that they compile
    binary = tmp_path_factory.mktemp("servreg") / "probe"
    sources = [Path(__file__).parent / "servreg_probe.c", SOURCE / "servreg_message.c", SOURCE / "qmi.c"]
    flags = [
        "-Wall",
        "-Wextra",
        "-Werror",
        "-g",
        "-fsanitize=address,undefined",
        f"-I{SOURCE}",
    ]
    subprocess.run(["gcc", "-std=gnu11", *flags, *sources, "-o", binary], check=True)
    with subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout

        def ask(line: str) -> Answer | None:
            assert process.stdin and process.stdout
            process.stdin.write(line + "\n")
            process.stdin.flush()
            data, action, transaction = process.stdout.readline().split()
            return None if data == "-" else parse(bytes.fromhex(data), int(action), int(transaction))

        yield ask
        process.stdin.close()
        assert process.wait(LIMIT) == 0


def parse(data: bytes, action: int, acknowledged: int) -> Answer:
    kind, transaction, number, length = struct.unpack_from("<BHHH", data)
    assert length == len(data) - 7
    tlvs, at = {}, 7
    while at < len(data):
        tag, size = struct.unpack_from("<BH", data, at)
        tlvs[tag] = data[at + 3 : at + 3 + size]
        assert len(tlvs[tag]) == size
        at += 3 + size
    return Answer(kind, transaction, number, tlvs, action, acknowledged)


def locate(probe: Probe, request: bytes) -> Answer | None:
    return probe(f"locate {request.hex()}")


def notify(probe: Probe, request: bytes, state: str = "up") -> Answer | None:
    return probe(f"notify {state} {request.hex()}")


def test_domain_of_the_audio_service(probe: Probe) -> None:
    request = message(REQUEST, 7, DOMAIN_LIST, (1, b"avs/audio"), (0x10, struct.pack("<I", 0)))
    answer = locate(probe, request)
    assert answer and answer[:3] == (RESPONSE, 7, DOMAIN_LIST)
    # servreg_location_entry_ei: name, instance, service data valid, service data
    entry = bytes([1, len(PATH)]) + PATH + struct.pack("<IBI", 74, 0, 0)
    assert answer.tlvs == {2: bytes(4), 0x10: b"\1\0", 0x11: b"\1\0", 0x12: entry}


def test_domain_list_goes_no_further(probe: Probe) -> None:
    for service, offset, total in ((b"avs/audio", 1, 1), (b"tms/servreg", 0, 0), (b"", 0, 0)):
        request = message(REQUEST, 7, DOMAIN_LIST, (1, service), (0x10, struct.pack("<I", offset)))
        answer = locate(probe, request)
        assert answer and answer.tlvs == {2: bytes(4), 0x10: struct.pack("<H", total), 0x11: b"\1\0"}


@pytest.mark.parametrize(("state", "value"), [("up", UP), ("down", DOWN)])
@pytest.mark.parametrize(("enable", "action"), [(1, LISTEN), (0, UNLISTEN)])
def test_listener(probe: Probe, state: str, value: int, enable: int, action: int) -> None:
    answer = notify(probe, message(REQUEST, 65535, LISTENER, (1, bytes([enable])), (2, PATH)), state)
    assert answer and answer[:3] == (RESPONSE, 65535, LISTENER)
    assert answer.tlvs == {2: bytes(4), 0x10: struct.pack("<I", value)}
    assert answer.action == action


def test_acknowledgement(probe: Probe) -> None:
    answer = notify(probe, message(REQUEST, 9, SET_ACK, (1, PATH), (2, struct.pack("<H", 513))))
    assert answer and answer.tlvs == {2: bytes(4)}
    assert (answer.action, answer.acknowledged) == (ACKNOWLEDGE, 513)


def test_restart(probe: Probe) -> None:
    answer = notify(probe, message(REQUEST, 9, RESTART, (1, PATH)))
    assert answer and answer.tlvs == {2: bytes(4)} and answer.action == RESTART_NOW
    # the same number is the report of a failure to the locator, which only takes note of it
    answer = locate(probe, message(REQUEST, 9, RESTART, (1, b"avs/audio"), (2, b"reason")))
    assert answer and answer.tlvs == {2: bytes(4)}


@pytest.mark.parametrize(("state", "value"), [("up", UP), ("down", DOWN)])
def test_indication(probe: Probe, state: str, value: int) -> None:
    answer = probe(f"indicate {state} 300")
    assert answer and (answer.kind, answer.message) == (INDICATION, STATE_UPDATED)
    assert answer.tlvs == {1: struct.pack("<I", value), 2: PATH, 3: struct.pack("<H", 300)}


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (message(REQUEST, 1, LISTENER, (1, b"\1"), (2, b"msm/adsp/root_pd")), 41),
        (message(REQUEST, 1, LISTENER, (1, b"\1"), (2, b"x" * 65)), 1),
        (message(REQUEST, 1, LISTENER, (2, PATH)), 1),
        (message(REQUEST, 1, LISTENER, (1, b"\1\0"), (2, PATH)), 1),
        (message(REQUEST, 1, LISTENER), 1),
        (message(REQUEST, 1, SET_ACK, (1, PATH)), 1),
        (message(REQUEST, 1, SET_ACK, (1, PATH), (2, b"\1")), 1),
        (message(REQUEST, 1, RESTART, (1, b"msm/modem/wlan_pd")), 41),
        (message(REQUEST, 1, 0x99), 94),
    ],
)
def test_bad_request(probe: Probe, request_: bytes, error: int) -> None:
    answer = notify(probe, request_)
    assert answer and answer.tlvs == {2: struct.pack("<HH", 1, error)}
    assert answer.action == NOTHING


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        bytes(6),
        message(REQUEST, 1, LISTENER, (1, b"\1"))[:-1],
        message(REQUEST, 1, LISTENER) + b"x",
        message(RESPONSE, 1, LISTENER, (1, b"\1"), (2, PATH)),
        message(INDICATION, 1, STATE_UPDATED),
    ],
)
def test_what_is_no_request_is_not_answered(probe: Probe, data: bytes) -> None:
    assert notify(probe, data) is None
    assert locate(probe, data) is None


def test_random_messages(probe: Probe) -> None:
    chance = random.Random(1)
    for _ in range(500):
        body = chance.randbytes(chance.randrange(90))
        data = struct.pack("<BHHH", 0, 1, chance.randrange(0x1F, 0x26), len(body)) + body
        for answer in (locate(probe, data), notify(probe, data)):
            assert answer and answer.kind == RESPONSE
