# SPDX-License-Identifier: MIT
"""A real coordinator and exporter, and boards whose machine only pretends."""

import os
import signal
import subprocess
import sys
import threading
import time

import deploy_folder
import pytest
from fake_process import fake_board
from support.sockets import family, listening, outside

from lab import environment, fleet, places
from lab.environment import Board, NoBoardError
from lab.flash import Plan
from lab.paths import ROOT
from lab.places import PlaceError, locked


@pytest.fixture(scope="module")
def boards(tmp_path_factory):
    """Two places with fake boards."""
    folder = tmp_path_factory.mktemp("fleet")
    with fake_board(folder / "one") as one, fake_board(folder / "two") as two:
        infos = {"one": one, "two": two}
        with fleet.coordinated(infos, folder / "logs"):
            yield infos


def acquired(place):
    return "acquired: None" not in places.client("-p", place, "show")


def test_only_loopback_is_listened_on(boards):
    sockets = listening(family(os.getpid()))
    assert any(program.startswith("labgrid-coord") for program in sockets), sockets
    assert not outside(sockets)


def test_a_board_is_flashed_through_the_coordinator(boards, tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "board_folder", lambda name: tmp_path / "boards" / name)
    monkeypatch.setenv("LG_PLACE", "one")
    board = Board.find("remote")
    assert (board.name, board.place, board.virtual) == ("one", "one", False)
    with board.session(Plan.read(deploy_folder.make(tmp_path / "deploy"))) as target:
        assert acquired("one") and not acquired("two")
        target.get_strategy().transition("booted")
    assert not acquired("one")


def test_a_place_is_locked_for_one(boards):
    places.client("-p", "one", "acquire")  # as somebody else does
    with pytest.raises(PlaceError, match="already acquired"), locked("one", time_limit=0):
        pass
    places.client("-p", "one", "release")
    with locked("one"), pytest.raises(PlaceError, match="already acquired"):
        places.client("-p", "one", "acquire")
    assert not acquired("one")


def test_within_a_lock_it_may_be_asked_for_again(boards):
    with locked("one"):
        with locked("one", time_limit=0):
            pass
        assert acquired("one")
    assert not acquired("one")


def test_a_killed_session_frees_its_place(boards):
    script = (
        "import time, lab.places as p\nwith p.locked('two'):\n print('locked', flush=True)\n time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)}
    ) as holder:
        assert holder.stdout.readline() == b"locked\n"
        assert acquired("two")
        holder.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while acquired("two"):
        assert time.monotonic() < deadline, "the place is still locked"
        time.sleep(0.5)


def test_all_boards_work_at_once(boards):
    """Each waits for the other one: one alone would never get there."""
    together = threading.Barrier(2, timeout=60)

    def run(place, share):
        together.wait()
        return 0

    result = fleet.spread(list(boards), [["a"], ["b"]], run)
    assert sorted(place for place, _, _ in result.done) == ["one", "two"]
    assert result.broken == [] and result.left == []


def test_a_broken_board_is_taken_out_and_others_do_its_share(boards):
    runs = []
    has_a_share = threading.Event()

    def run(place, share):
        runs.append((place, *share))
        if place == "one":
            has_a_share.set()
            return fleet.BROKEN
        assert has_a_share.wait(60)
        return int(share[0] == "fails")

    result = fleet.spread(["one", "two"], [["passes"], ["fails"]], run)
    assert result.broken == ["one"] and result.left == []
    assert {(place, *share): code for place, share, code in result.done} == {
        ("two", "passes"): 0, ("two", "fails"): 1,
    }  # fmt: skip
    assert len([place for place, _ in runs if place == "one"]) == 1
    assert "state=broken" in places.client("-p", "one", "show")
    assert "state=good" in places.client("-p", "two", "show")


def test_no_board_is_left(boards):
    result = fleet.spread(["one", "two"], [["a"], ["b"], ["c"]], lambda place, share: fleet.BROKEN)
    assert sorted(result.broken) == ["one", "two"] and len(result.left) == 3


def test_a_place_must_be_named(monkeypatch):
    monkeypatch.delenv("LG_PLACE", raising=False)
    with pytest.raises(NoBoardError, match="name it by LG_PLACE"):
        Board.find("remote")
