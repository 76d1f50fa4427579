# SPDX-License-Identifier: MIT
"""The board, booted once for all tests, and what it has to say when one fails.

A test asks for the state that it needs (`in_fastboot`, `in_shell`) or for something that needs a shell
(`remote`, `dsp`, `play`, `compress_client`).
"""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from labgrid import Environment, Target
from labgrid.pytestplugin.hooks import LABGRID_ENV_KEY
from support.gstreamer import runner
from support.media import make
from support.waiting import wait_for

from lab import postmortem, report, runs
from lab.drivers.dspcontrol import DspControlDriver
from lab.drivers.dsprecord import DspRecordDriver
from lab.drivers.remote import RemoteDriver, Result
from lab.environment import Board
from lab.flash import Plan
from lab.fleet import BROKEN
from lab.playback import media, session
from lab.playback.record import Record
from lab.playback.session import Outcome
from lab.results import Results
from lab.strategy import OffloadStrategy, Status

#: Seconds of the host after which a playback hangs, however busy the host is.
PLAY_LIMIT = 400


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs the bootloader comes first, so that one boot serves all; another image comes last."""

    def order(item: pytest.Item) -> int:
        if item.get_closest_marker("own_board"):
            return 3
        if item.get_closest_marker("afterwards"):
            return 2
        return 0 if "in_fastboot" in getattr(item, "fixturenames", ()) else 1

    items.sort(key=order)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "afterwards: looks back at what the other tests did to the board")
    config.addinivalue_line("markers", "own_board: boots another image on a board of its own; runs last")


@pytest.fixture(scope="session")
def build_image() -> Callable[[str], Path]:
    """Builds a variant of the image, or finds it in the cache; its deploy folder."""
    from lab.debian import build_image

    return lambda variant: build_image(variant, report=lambda line: None)


_BROKEN = pytest.StashKey[bool]()
_RUN_FOLDER = pytest.StashKey[Path]()


@pytest.fixture(scope="session")
def run_folder(pytestconfig: pytest.Config) -> Path:
    """Where this session's logs and records go, and the results of ``--junitxml``."""
    folder = runs.new_folder("test")
    pytestconfig.stash[_RUN_FOLDER] = folder
    return folder


def pytest_unconfigure(config: pytest.Config) -> None:
    """Keep the results beside the logs, for ``offload-lab report``, ``compare`` and ``index``."""
    junit = config.option.xmlpath
    if junit and (folder := config.stash.get(_RUN_FOLDER, None)) and Path(junit).exists():
        shutil.copyfile(junit, folder / "junit.xml")
        board = Board.find(config.option.board, instance="test")
        Results.now(board.name, board.manifest).save(folder)
        report.write(folder / "report.html", Results.load(folder))


@pytest.fixture(scope="session")
def board(pytestconfig: pytest.Config) -> Board:
    return Board.find(pytestconfig.option.board, instance="test")


@pytest.fixture(scope="session")
def plan(board: Board, request: pytest.FixtureRequest) -> Plan | None:
    """What the board shall run: the deploy folder OFFLOAD_IMAGE, else the image that is built here.

    OFFLOAD_KEY is the private key to an image whose folder has none.

    A real board without OFFLOAD_IMAGE keeps what it has.
    """
    if folder := os.environ.get("OFFLOAD_IMAGE"):
        key = os.environ.get("OFFLOAD_KEY")
        return Plan.read(Path(folder), compatible=board.compatible, key=Path(key) if key else None)
    if not board.virtual:
        return None
    return Plan.read(request.getfixturevalue("build_image")("patched"))


@pytest.fixture(scope="session")
def env(pytestconfig: pytest.Config, board: Board, plan: Plan | None) -> Iterator[Environment]:
    """labgrid's fixture of this name, with the virtual board started first."""
    with board.session(plan) as target:
        pytestconfig.stash[LABGRID_ENV_KEY] = target.env
        yield target.env


@pytest.fixture(scope="session")
def strategy(
    target: Target, plan: Plan | None, run_folder: Path, pytestconfig: pytest.Config
) -> Iterator[OffloadStrategy]:
    strategy = target.get_driver(OffloadStrategy, activate=False)
    strategy.plan = plan
    with runs.logged(target, run_folder):
        yield strategy
    pytestconfig.stash[_BROKEN] = strategy.broken is not None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell a fleet that not the tests, but the board is to blame."""
    if session.config.stash.get(_BROKEN, False):
        session.exitstatus = BROKEN


@pytest.fixture
def in_fastboot(strategy: OffloadStrategy) -> OffloadStrategy:
    strategy.transition(Status.fastboot)
    return strategy


@pytest.fixture
def in_shell(strategy: OffloadStrategy) -> OffloadStrategy:
    strategy.transition(Status.shell)
    return strategy


@pytest.fixture
def remote(in_shell: OffloadStrategy) -> RemoteDriver:
    return in_shell.remote


@pytest.fixture
def dsp(target: Target, in_shell: OffloadStrategy) -> DspRecordDriver:
    """Only for tests with lg_feature("dsp-record"). What the tests before this one left is gone."""
    dsp = target.get_driver(DspRecordDriver)
    dsp.forget()
    return dsp


@pytest.fixture
def records(request: pytest.FixtureRequest, run_folder: Path) -> Path:
    """A folder for what the DSP records in this test."""
    return run_folder / "records" / re.sub(r"[^\w.-]+", "_", request.node.name)


@pytest.fixture
def recorded(dsp: DspRecordDriver, records: Path) -> Callable[[], list[Record]]:
    """The streams that the DSP saw since the test began."""
    known = dsp.streams()
    return lambda: dsp.fetch_new(known, records)


@pytest.fixture
def recorded_with_pcm(
    remote: RemoteDriver, recorded: Callable[[], list[Record]]
) -> Callable[[], list[Record]]:
    """The streams since the test began, PCM too, which PipeWire closes some seconds after the last sound."""
    open_ones = "grep -q '\"closed_us\":null' /run/virtual-adsp/record/*/stream.json"

    def fetch() -> list[Record]:
        wait_for(lambda: remote.run(open_ones).code == 1)
        return recorded()

    return fetch


@pytest.fixture
def play(target: Target, in_shell: OffloadStrategy, records: Path) -> Callable[[Path], Outcome]:
    """Plays a file through PipeWire and judges."""
    return lambda path: session.play(target, media.read(path), records, limit=PLAY_LIMIT)


@pytest.fixture
def perform(
    target: Target, in_shell: OffloadStrategy, dsp: DspRecordDriver, records: Path
) -> Callable[..., Outcome]:
    """Plays a file, does something to the player meanwhile (shell commands about ``$player``), and judges."""
    return lambda path, steps="", options=(): session.play(
        target, media.read(path), records, limit=PLAY_LIMIT, steps=steps, options=options
    )


@pytest.fixture
def compress_client(remote: RemoteDriver) -> Callable[..., list[dict]]:
    """Runs compress-client on the board, without PipeWire; its lines."""

    def run(*arguments: object, code: int = 0) -> list[dict]:
        result = remote.run(f"compress-client {' '.join(map(str, arguments))}", timeout=400)
        assert result.code == code, result.stderr
        return [json.loads(line) for line in result.text.splitlines()]

    return run


@pytest.fixture
def bare(tmp_path: Path, remote: RemoteDriver) -> Callable[..., tuple[media.Media, list[object]]]:
    """Puts only the packets of a made file on the board; the file, and the client's options for it."""

    def bare(name: str, **options: Any) -> tuple[media.Media, list[object]]:
        file = media.read(make(tmp_path / name, **options))
        packets = tmp_path / "packets"
        packets.write_bytes(file.payload)
        remote.put(packets, "/tmp/packets")
        return file, ["-c", file.codec, "-r", file.rate, "-n", file.channels, "/tmp/packets"]

    return bare


@pytest.fixture
def gstreamer(remote: RemoteDriver) -> Callable[..., Result]:
    """Runs a command of GStreamer's tools on the board, with ``{}`` for the files there."""
    # The first of these commands on a board looks at all plugins, which takes its time.
    if remote.run("gst-inspect-1.0 pipewiresink", timeout=180).code:
        pytest.skip("GStreamer is not on this image")
    return runner(remote)


@pytest.fixture
def control(target: Target, in_shell: OffloadStrategy) -> DspControlDriver:
    """The DSP model's control socket; only for tests with lg_feature("dsp-control")."""
    return target.get_driver(DspControlDriver)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    """Save the board's state where a test failed: later tests will change it."""
    report = yield
    target = item.funcargs.get("target") if hasattr(item, "funcargs") else None
    if report.failed and target is not None and report.when in ("setup", "call"):
        run_folder = item.funcargs.get("run_folder") or runs.new_folder("test")
        folder = run_folder / "post-mortem" / re.sub(r"[^\w.-]+", "_", item.name)
        if strategy := item.funcargs.get("strategy"):
            with contextlib.suppress(OSError):  # the board itself may be gone
                strategy.drain_console()
        postmortem.save(target, folder, run_folder / "console_main")
        report.sections.append(("post-mortem", str(folder)))
    return report
