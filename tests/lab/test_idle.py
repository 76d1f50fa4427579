# SPDX-License-Identifier: MIT
"""When a machine is paused that nobody is connected to."""

import asyncio
import socket
from pathlib import Path

import pytest
from bench import LIMIT

from lab.virtual import idle
from lab.virtual.idle import AFTER_START, AFTER_USE, Idle, connected


def test_a_machine_has_time_to_boot() -> None:
    machine = Idle(1000.0)
    assert not machine.rests(1000.0, False)
    assert not machine.rests(1000.0 + AFTER_START - 0.1, False)
    assert machine.rests(1000.0 + AFTER_START, False)


def test_a_visitor_does_not_cut_the_boot_short() -> None:
    machine = Idle(0.0)
    assert not machine.rests(1.0, True)
    assert not machine.rests(1.0 + AFTER_USE, False)
    assert not machine.rests(AFTER_START - 0.1, False)
    assert machine.rests(AFTER_START, False)


def test_a_machine_in_use_never_rests_and_soon_after_does() -> None:
    machine = Idle(0.0)
    now = AFTER_START
    while now < 3 * AFTER_START:
        now += AFTER_USE / 2
        assert not machine.rests(now, True)
    assert not machine.rests(now + AFTER_USE - 0.1, False)
    assert machine.rests(now + AFTER_USE, False)
    assert not machine.rests(now + 9 * AFTER_USE, True)
    assert not machine.rests(now + 9 * AFTER_USE + 0.1, False)
    assert machine.rests(now + 10 * AFTER_USE, False)


def test_the_machine_is_told_once_for_each_change(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = 0.0
    told: list[tuple[float, bool]] = []
    visits = (range(200, 210), range(300, 400))

    def now() -> float:
        return clock

    async def sleep(seconds: float) -> None:
        nonlocal clock
        clock += 0.5
        if clock > 500.0:
            raise asyncio.CancelledError

    monkeypatch.setattr(idle.time, "monotonic", now)
    monkeypatch.setattr(idle.asyncio, "sleep", sleep)
    watch = idle.watch(
        lambda: any(int(clock) in visit for visit in visits), lambda on: told.append((clock, on))
    )
    with pytest.raises(asyncio.CancelledError):
        watch.send(None)
    last = 0.5  # the last look at which a visitor is seen comes half a second before the visit's end
    assert told == [
        (AFTER_START, True),
        (200.0, False),
        (210.0 - last + AFTER_USE, True),
        (300.0, False),
        (400.0 - last + AFTER_USE, True),
    ]
    assert capsys.readouterr().err.splitlines() == [
        "nobody is connected, the machine is paused" if on else "the machine goes on" for _, on in told
    ]


def test_a_connection_is_seen_from_its_start_to_its_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not connected(port), "to listen is not to be connected"
        with socket.create_connection(("127.0.0.1", port), LIMIT) as client:
            assert connected(port), "before it is accepted"
            assert not connected(client.getsockname()[1] ^ 1)
            accepted, _ = server.accept()
        with accepted:
            accepted.settimeout(LIMIT)
            assert accepted.recv(1) == b""
            assert not connected(port), "the client is gone"


def test_whoever_cannot_tell_pauses_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(idle, "_TCP", tmp_path / "missing")
    assert connected(1)
