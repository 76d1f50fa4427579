# SPDX-License-Identifier: MIT
"""A bench with one board on it: its process, the stock fastboot client, a console and a hand-made client."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from lab.virtual import client
from lab.virtual.state import BoardInfo

HERE = Path(__file__).parent
LIMIT = 30.0
"""Seconds after which a test gives up; none of them measures time."""


class Bench:
    """A board that starts powered off in `state`; `close()` leaves nothing behind."""

    def __init__(self, state: Path, link_speed: float | None = None, wrapper: tuple[str, ...] = ()) -> None:
        """Start the process, with the command `wrapper` in front of it."""
        self.state = state
        command = [*wrapper, sys.executable, str(HERE / "fake_board.py"), str(state)]
        command += [str(link_speed)] if link_speed is not None else []
        environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
        self.process = subprocess.Popen(command, env=environment, start_new_session=True)
        try:
            self.info = self._wait_until_ready()
            self.console = Console(self.info.ports["console"])
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def close(self) -> None:
        """End the board's process."""
        self.console.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(LIMIT)
        finally:
            self.process.kill()
            self.process.wait()

    def kill(self) -> None:
        """End the board's process as a crash would."""
        self.console.close()
        self.process.kill()
        self.process.wait()

    def power(self, on: bool) -> None:
        """Switch the outlet."""
        assert self.put("power", "/outlet/1", "1" if on else "0") == str(int(on))

    @property
    def powered(self) -> bool:
        """What the outlet says."""
        return self.get("power", "/outlet/1") == "1"

    def hold_vol_down(self, held: bool) -> None:
        """Press or release the button."""
        self.put("buttons", "/button/vol-down", "1" if held else "0")

    def enter_fastboot(self) -> None:
        """As on the real board: hold VOL- and power-cycle."""
        self.hold_vol_down(True)
        self.power(False)
        self.power(True)
        self.hold_vol_down(False)

    def fastboot(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run the stock client; stderr goes to stdout."""
        return subprocess.run(
            self.fastboot_command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT,
        )

    def fastboot_command(self, *arguments: str | Path) -> list[str]:
        """The stock client's command line."""
        return ["fastboot", "-s", f"tcp:127.0.0.1:{self.info.ports['fastboot']}", *map(str, arguments)]

    def flash(self, partition: str, image: Path, *options: str) -> None:
        """Flash with the stock client, which must succeed."""
        result = self.fastboot(*options, "flash", partition, image)
        assert result.returncode == 0, result.stdout

    def refuse(self, *arguments: str | Path) -> str:
        """Run the stock client, which must fail; returns the board's reason."""
        result = self.fastboot(*arguments)
        assert result.returncode != 0, result.stdout
        reason = result.stdout.partition("FAILED (remote: '")[2].partition("')")[0]
        assert reason, result.stdout
        return reason

    @contextlib.contextmanager
    def raw(self) -> Iterator[RawClient]:
        """A hand-made client, for what the stock one would not do."""
        raw = RawClient(self.info.ports["fastboot"])
        try:
            yield raw
        finally:
            raw.close()

    def get(self, service: str, path: str) -> str:
        """HTTP GET."""
        return self._http("GET", service, path, None)

    def put(self, service: str, path: str, body: str) -> str:
        """HTTP PUT."""
        return self._http("PUT", service, path, body.encode())

    def partition(self, offset: int, size: int) -> bytes:
        """Bytes of the disk."""
        with (self.state / "disk.img").open("rb") as disk:
            disk.seek(offset)
            return disk.read(size)

    def _http(self, method: str, service: str, path: str, body: bytes | None) -> str:
        url = f"http://127.0.0.1:{self.info.ports[service]}{path}"
        with urllib.request.urlopen(
            urllib.request.Request(url, body, method=method), timeout=LIMIT
        ) as answer:
            return str(answer.read().decode())

    def _wait_until_ready(self) -> BoardInfo:
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            if (info := client.status(self.state)) is not None and info.pid == self.process.pid:
                return info
            assert self.process.poll() is None, "the board's process ended"
            time.sleep(0.01)
        raise AssertionError("the board's process is not ready")


class Console:
    """A terminal on the board's serial port; remembers what it has not shown yet."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), LIMIT)
        self._seen = b""

    def until(self, *texts: str) -> str:
        """Read to the end of `texts`, whichever comes first, and return all up to there."""
        wanted = re.compile("|".join(re.escape(text) for text in texts).encode())
        while (found := wanted.search(self._seen)) is None:
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                data = b""
            if not data:
                said = self._seen.decode(errors="replace")
                raise AssertionError(f"the console never said {' or '.join(texts)}, but {said!r}")
            self._seen += data
        end = found.end()
        shown, self._seen = self._seen[:end], self._seen[end:]
        return shown.decode(errors="replace")

    def type(self, keys: str) -> None:
        """Send keys."""
        self._socket.sendall(keys.encode())

    def close(self) -> None:
        """Unplug the terminal."""
        self._socket.close()


class RawClient:
    """Speaks fastboot over TCP, byte by byte as told."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), LIMIT)
        self.socket.sendall(b"FB01")
        assert self._exactly(4) == b"FB01"

    def send(self, data: bytes) -> None:
        """One message."""
        self.socket.sendall(len(data).to_bytes(8, "big") + data)

    def answer(self) -> str:
        """The next message from the board."""
        return self._exactly(int.from_bytes(self._exactly(8), "big")).decode()

    def command(self, line: str) -> str:
        """One command and its answer."""
        self.send(line.encode())
        return self.answer()

    def download(self, data: bytes) -> None:
        """Send an image."""
        assert self.command(f"download:{len(data):08x}") == f"DATA{len(data):08x}"
        self.send(data)
        assert self.answer() == "OKAY"

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise ConnectionError("the board hung up")
            data += piece
        return data
