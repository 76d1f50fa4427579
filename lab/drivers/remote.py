# SPDX-License-Identifier: MIT
"""Commands and copies over one SSH connection, with what labgrid's SSHDriver lacks: live output and progress.

A connection costs an emulated board seconds of key exchange, so there is one, and commands are few.
"""

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import attr
import paramiko
from labgrid.driver import Driver
from labgrid.factory import target_factory
from labgrid.step import step

from lab.errors import LabError

#: The board's name in its known_hosts file: its address and port may change from day to day.
HOST_ALIAS = "board"
Progress = Callable[[int, int], None]  #: bytes done, bytes in all


class RemoteError(LabError):
    """The board cannot be reached by SSH, or a command on it failed."""


class RemoteTimeoutError(RemoteError):
    """A command on the board took too long."""


class HostKeyError(RemoteError):
    """The board shows another SSH key than it did before."""


def known_keys(file: Path) -> Mapping[str, paramiko.PKey]:
    """The board's keys in a known_hosts file, by type; none where there is no such file."""
    known = paramiko.HostKeys()
    if file.exists():
        known.load(str(file))
    return known.lookup(HOST_ALIAS) or {}


def changed_key(shown: str, file: Path) -> HostKeyError:
    """The error for a board that has *shown* another key than the one in *file*."""
    return HostKeyError(
        f"the board shows another SSH key than before ({shown}): if it was flashed elsewhere, remove {file}"
    )


class _FirstUse(paramiko.MissingHostKeyPolicy):
    """Accepts the key that is in a known_hosts file, or any key where there is none yet, and keeps that."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Raise HostKeyError where the file has another key."""
        entry = known_keys(self.file)
        if not entry:
            known = paramiko.HostKeys()
            known.add(HOST_ALIAS, key.get_name(), key)
            self.file.parent.mkdir(parents=True, exist_ok=True)
            known.save(str(self.file))
        elif all(other != key for other in entry.values()):
            raise changed_key(f"{key.get_name()} {key.fingerprint}", self.file)


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        """The standard output as text."""
        return self.stdout.decode(errors="replace")


@target_factory.reg_driver
@attr.s(eq=False)
class RemoteDriver(Driver):
    """Runs commands on the board and copies files, over paramiko.

    Args:
        keyfile (str): private key of the lab
        known_hosts (str): file with the board's own key; one that is missing is made on first use. Empty:
            whatever key the board shows is taken
        connection_timeout (float): seconds within which the board must let us in
    """

    bindings = {"service": "NetworkService"}  # noqa: RUF012  (labgrid's convention)
    keyfile: str = attr.ib(default="", validator=attr.validators.instance_of(str))
    connection_timeout = attr.ib(default=60.0, converter=float)
    known_hosts: str = attr.ib(default="", validator=attr.validators.instance_of(str))

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._client: paramiko.SSHClient | None = None

    def on_activate(self) -> None:
        """Connect. Raises RemoteError after ``connection_timeout``."""
        key = self._key()
        link = self._await_banner()
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(
            _FirstUse(Path(self.known_hosts)) if self.known_hosts else paramiko.AutoAddPolicy()
        )
        try:
            client.connect(
                self.service.address, self.service.port, self.service.username, self.service.password,
                pkey=key, allow_agent=False, look_for_keys=False, sock=link,
                timeout=self.connection_timeout, banner_timeout=self.connection_timeout,
                auth_timeout=self.connection_timeout,
            )  # fmt: skip
        except paramiko.AuthenticationException as error:
            client.close()
            raise RemoteError(
                f"the board refuses the key {self.keyfile or '(none)'}: flash an image of this checkout"
            ) from error
        except HostKeyError:
            client.close()
            raise
        except (OSError, paramiko.SSHException, EOFError) as error:
            client.close()
            raise self._silent(error) from error
        self._client = client

    def reachable(self, limit: float = 5.0) -> bool:
        """Whether an SSH server answers now, within seconds of *limit*; needs no activation."""
        try:
            with socket.create_connection((self.service.address, self.service.port), limit) as link:
                return link.recv(4, socket.MSG_PEEK) == b"SSH-"
        except OSError:
            return False

    def _await_banner(self) -> socket.socket:
        """A link to the SSH server, once there is one: a port forwarder may accept long before."""
        deadline = time.monotonic() + self.connection_timeout
        while True:
            reason: object = "it hangs up"
            link = None
            try:
                link = socket.create_connection((self.service.address, self.service.port), 5)
                if link.recv(4, socket.MSG_PEEK) == b"SSH-":
                    return link
            except OSError as error:
                reason = error
            if link:
                link.close()
            if time.monotonic() > deadline:
                raise self._silent(reason)
            time.sleep(0.2)

    def _silent(self, reason: object) -> RemoteError:
        return RemoteError(
            f"the board does not answer by SSH within {self.connection_timeout:.0f} s ({reason}): "
            "look at its console (offload-lab board console)"
        )

    def _key(self) -> paramiko.PKey | None:
        if not self.keyfile:
            return None
        try:
            return paramiko.PKey.from_path(self.keyfile)
        except FileNotFoundError:
            raise RemoteError(
                f"there is no key {self.keyfile} to the board: flash it with this lab first"
            ) from None
        except (OSError, paramiko.SSHException, ValueError) as error:
            raise RemoteError(f"the key {self.keyfile} cannot be read: {error}") from error

    def on_deactivate(self) -> None:
        """Disconnect."""
        if self._client:
            self._client.close()
        self._client = None

    @Driver.check_active
    @step(args=["command"])
    def run(
        self,
        command: str,
        *,
        stdin: str | None = None,
        timeout: float = 60,
        on_line: Callable[[str], None] | None = None,
    ) -> Result:
        """Run *command* in the board's shell.

        *stdin* is sent and closed; where it is None the command's standard input stays open until it ends or
        we lose interest, so that a script can notice. *timeout* is wall time in seconds. *on_line* gets each
        line of standard output as it comes. Raises RemoteError at the time limit or when the link breaks.
        """
        channel = self._open()
        deadline = time.monotonic() + timeout
        stdout, stderr, reported = bytearray(), bytearray(), 0
        try:
            channel.exec_command(command)
            if stdin is not None:
                channel.sendall(stdin.encode())
                channel.shutdown_write()
            channel.settimeout(0.05)
            # The server may tell the exit code before it has sent all output: its end is what counts.
            ended = False
            while not (ended and channel.exit_status_ready()):
                try:
                    piece = channel.recv(1 << 20)
                    ended = not piece
                    stdout += piece
                except TimeoutError:
                    pass
                if ended:
                    channel.status_event.wait(0.05)
                while channel.recv_stderr_ready():
                    stderr += channel.recv_stderr(1 << 16)
                while on_line and (end := stdout.find(b"\n", reported)) >= 0:
                    on_line(stdout[reported:end].decode(errors="replace"))
                    reported = end + 1
                if time.monotonic() > deadline:
                    raise RemoteTimeoutError(
                        f"the board did not finish within {timeout:.0f} s: {_brief(command)}"
                    )
            code = channel.recv_exit_status()
        except (OSError, paramiko.SSHException) as error:
            raise _lost(f"broke ({error or type(error).__name__})") from error
        finally:
            channel.close()
        if code < 0:
            raise _lost(f"broke during: {_brief(command)}")
        return Result(code, bytes(stdout), stderr.decode(errors="replace"))

    @Driver.check_active
    def run_check(self, command: str, *, timeout: float = 60) -> str:
        """The standard output of *command*. Raises RemoteError where it fails."""
        result = self.run(command, timeout=timeout)
        if result.code:
            reason = (
                result.stderr.strip() or result.text.strip() or f"exit code {result.code}"
            ).splitlines()[-1]
            raise RemoteError(f"{_brief(command)}: {reason}")
        return result.text

    @Driver.check_active
    @step(args=["local", "remote"])
    def put(self, local: Path, remote: str, progress: Progress | None = None) -> None:
        """Copy a file to the board. Raises RemoteError, e.g. when the board's disk is full."""
        self._transfer(lambda sftp: sftp.put(str(local), remote, callback=progress), remote)

    @Driver.check_active
    @step(args=["remote", "local"])
    def get(self, remote: str, local: Path, progress: Progress | None = None) -> None:
        """Copy a file from the board; *local* is the whole file or as it was.

        Raises RemoteError where it is missing there, or the link breaks.
        """
        partial = local.with_name(f".{local.name}.partial")

        def fetch(sftp: paramiko.SFTPClient) -> None:
            # Prefetching is a thread of paramiko's, which ends with a traceback where the link breaks.
            sftp.get(remote, str(partial), callback=progress, prefetch=False)

        try:
            self._transfer(fetch, remote)
            partial.replace(local)
        finally:
            partial.unlink(missing_ok=True)

    def _transfer(self, work: Callable[[paramiko.SFTPClient], object], remote: str) -> None:
        try:
            sftp = paramiko.SFTPClient.from_transport(self._transport())
            assert sftp
            with sftp:
                work(sftp)
        except (OSError, paramiko.SSHException, EOFError) as error:
            # SFTP has no code for a full disk: OpenSSH answers a plain "Failure", and a small file may just
            # be found to be too short.
            reason = str(error) or type(error).__name__
            if reason == "Failure" or reason.startswith("size mismatch in put"):
                reason = "its disk may be full"
            raise RemoteError(f"copying {remote} on the board failed: {reason}") from error

    def _transport(self) -> paramiko.Transport:
        transport = self._client.get_transport() if self._client else None
        if transport is None or not transport.is_active():
            raise _lost("is down")
        return transport

    def _open(self) -> paramiko.Channel:
        try:
            return self._transport().open_session(timeout=30)
        except (TimeoutError, OSError, paramiko.SSHException) as error:
            raise _lost(f"broke ({error or type(error).__name__})") from error


def _lost(how: str) -> RemoteError:
    return RemoteError(f"the link to the board {how}; see whether it still runs: offload-lab board status")


def _brief(command: str) -> str:
    line = command.strip().splitlines()[0]
    return line if len(line) < 80 else f"{line[:77]}…"
