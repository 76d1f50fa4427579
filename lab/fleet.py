# SPDX-License-Identifier: MIT
"""``make fleet``: coordinator, exporter and virtual boards on loopback, and the board tests on all at once.

What runs here is labgrid's own; a fleet of real boards differs in what its exporters offer (docs/fleet.md).
"""

import functools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
import yaml

from lab import places, runs
from lab.cli.screen import Screen
from lab.environment import Board
from lab.errors import LabError
from lab.paths import ROOT
from lab.virtual.client import BoardInfo

#: Exit code of a test run whose board broke; its tests are for another board.
BROKEN = 70
KIND, GOOD = "board=virtual-db845c", "state=good"


def offer(boards: dict[str, BoardInfo]) -> dict[str, dict[str, dict[str, object]]]:
    """The exporter's configuration: a group of resources for each board."""
    local = "127.0.0.1"
    return {
        name: {
            "NetworkPowerPort": {
                "model": "rest", "index": "1",
                "host": f"http://{local}:{info.ports['power']}/outlet/{{index}}",
            },
            "HttpDigitalOutput": {
                "url": f"http://{local}:{info.ports['buttons']}/button/vol-down",
                "body_asserted": "1", "body_deasserted": "0",
            },
            "DirectNetFastboot": {"address": local, "port": info.ports["fastboot"], "protocol": "tcp"},
            "NetworkSerialPort": {"host": local, "port": info.ports["console"], "protocol": "raw"},
            "TemplatedNetworkService": {"address": local, "port": info.ports["ssh"], "username": "root"},
        }
        for name, info in boards.items()
    }  # fmt: skip


@contextmanager
def coordinated(boards: dict[str, BoardInfo], folder: Path, time_limit: float = 120) -> Iterator[str]:
    """A coordinator and an exporter for *boards*, with one place for each; the coordinator's address.

    LG_COORDINATOR is set for the block. Logs go to *folder*. Raises LabError.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "exporter.yaml").write_text(yaml.safe_dump(offer(boards)))
    before = os.environ.get("LG_COORDINATOR")
    os.environ["LG_COORDINATOR"] = address
    try:
        with ExitStack() as stack:
            stack.enter_context(_service(folder, "labgrid-coordinator", "-l", address))
            _retry(time_limit, lambda: places.client("places"))
            stack.enter_context(
                _service(folder, "labgrid-exporter", "-c", address, "-n", "loopback", "exporter.yaml")
            )
            for name in boards:
                places.client("-p", name, "create")
                places.client("-p", name, "set-tags", KIND, GOOD)
                places.client("-p", name, "add-match", f"loopback/{name}/*")
            wanted = {f"loopback/{name}/" for name in boards}
            _retry(time_limit, lambda: _all_there(wanted))
            yield address
    finally:
        os.environ.pop("LG_COORDINATOR")
        if before is not None:
            os.environ["LG_COORDINATOR"] = before


def _all_there(wanted: set[str]) -> None:
    listing = places.client("resources")
    if missing := [start for start in wanted if start not in listing]:
        raise LabError(f"the exporter does not offer {', '.join(sorted(missing))}")


def _retry(time_limit: float, action: Callable[[], object]) -> None:
    deadline = time.monotonic() + time_limit
    while True:
        try:
            action()
            return
        except LabError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


@contextmanager
def _service(folder: Path, *command: str) -> Iterator[None]:
    with (folder / f"{command[0]}.log").open("wb") as log:
        process = subprocess.Popen(
            [places.program(command[0]), *command[1:]],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass
class Result:
    """What became of the shares, each with the place that did it, and of the boards that broke."""

    done: list[tuple[str, Sequence[str], int]] = field(default_factory=list)  #: place, share, exit code
    broken: list[str] = field(default_factory=list)
    left: list[Sequence[str]] = field(default_factory=list)  #: shares that no board was left for


def spread(
    names: Sequence[str], shares: Sequence[Sequence[str]], run: Callable[[str, Sequence[str]], int]
) -> Result:
    """Let *run* do each share on a place, on all places at once.

    A place whose run ends with BROKEN is tagged ``state=broken`` and gets nothing more; others do its share.
    """
    result, waiting, lock = Result(), deque(shares), threading.Lock()

    def work(place: str) -> None:
        while True:
            with lock:
                if not waiting:
                    return
                share = waiting.popleft()
            code = run(place, share)
            with lock:
                if code != BROKEN:
                    result.done.append((place, share, code))
                    continue
                result.broken.append(place)
                waiting.append(share)
            places.client("-p", place, "set-tags", "state=broken")
            return

    # A board may break after the others have found nothing to do: they look again.
    while waiting and (good := [name for name in names if name not in result.broken]):
        threads = [threading.Thread(target=work, args=(place,)) for place in good]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    result.left = list(waiting)
    return result


def pytest_on(place: str, share: Sequence[str], folder: Path, image: Path) -> int:
    """The board tests *share* on *place*, which the test run itself locks; the exit code."""
    environment = os.environ | {"LG_PLACE": place, "OFFLOAD_IMAGE": str(image)}
    results = folder / f"junit-{place}-{time.monotonic_ns()}.xml"
    command = [sys.executable, "-m", "pytest", "-q", "--board", "remote", f"--junitxml={results}", *share]
    with (folder / f"{place}.log").open("ab") as log:
        return subprocess.run(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        ).returncode


@click.command()
@click.option("--boards", default=3, show_default=True, help="How many boards at most.")
@click.option("--scaling", is_flag=True, help="Also with fewer boards, for tests per minute.")
@click.argument("tests", nargs=-1)
def main(boards: int, scaling: bool, tests: Sequence[str]) -> None:
    """Run TESTS (files below tests/board; by default those of card and compress device) on a fleet."""
    from lab.debian import build_image
    from lab.results import tests_in

    screen = Screen()
    tests = tests or [f"tests/board/test_{name}.py" for name in ("card", "compress", "tinycompress")]
    image = build_image(report=screen.say)
    folder = runs.new_folder("fleet")
    names = [f"fleet-{number}" for number in range(1, boards + 1)]
    figures, failed = {}, False
    for count in range(1, boards + 1) if scaling else [boards]:
        with ExitStack() as stack:
            infos = {}
            for name in names[:count]:
                board = Board.find("virtual", instance=name)
                infos[name] = board.start(outlive=False)
                stack.callback(board.stop)
            logs = folder / f"{count}-boards"
            stack.enter_context(coordinated(infos, logs))
            started = time.monotonic()
            run = functools.partial(pytest_on, folder=logs, image=image)
            result = spread(list(infos), [[test] for test in tests], run)
            minutes = (time.monotonic() - started) / 60
        number = 0
        for junit in logs.glob("junit-*.xml"):
            single = logs / junit.stem
            single.mkdir()
            junit.rename(single / "junit.xml")
            number += sum(test.outcome != "skipped" for test in tests_in(single))
        figures[count] = number / minutes
        for place, share, code in result.done:
            screen.say(f"{place}: {' '.join(share)}: {'passed' if code == 0 else f'exit code {code}'}")
        for place in result.broken:
            screen.say(f"{place} is broken: taken out (state=broken), log {logs / place}.log")
        screen.say(
            f"{count} boards: {number} tests in {minutes:.1f} minutes, {figures[count]:.1f} per minute"
        )
        failed |= bool(result.left or result.broken or any(code for _, _, code in result.done))
    cpus = len(os.sched_getaffinity(0))
    (folder / "fleet.json").write_text(json.dumps({"tests_per_minute": figures, "cpus": cpus}, indent=1))
    screen.say(f"this machine has {cpus} CPUs, which all emulated boards share; logs: {folder}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
