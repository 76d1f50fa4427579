# SPDX-License-Identifier: MIT
"""An SSH server in this process that runs what it is told in a shell on this machine."""

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import paramiko
from paramiko.common import cMSG_CHANNEL_SUCCESS


class _Files(paramiko.SFTPServerInterface):
    """The whole file system; writing to /full fails as OpenSSH does on a full disk."""

    def open(self, path, flags, attr):
        if path.startswith("/full"):
            return paramiko.SFTP_FAILURE
        try:
            descriptor = os.open(path, flags, 0o644)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        mode = "wb" if flags & os.O_WRONLY else "rb"
        handle = paramiko.SFTPHandle(flags)
        handle.readfile = handle.writefile = os.fdopen(descriptor, mode)
        return handle

    def stat(self, path):
        try:
            return paramiko.SFTPAttributes.from_stat(Path(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)


class _Server(paramiko.ServerInterface):
    def __init__(self, key):
        self.key = key
        self.requested = []

    def check_auth_publickey(self, username, key):
        return paramiko.AUTH_SUCCESSFUL if key == self.key else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username):
        return "publickey"

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel, command):
        self.requested.append((channel, command))
        return True

    def execute(self, channel, command):
        process = subprocess.Popen(
            ["sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

        def feed():
            while data := channel.recv(4096):
                process.stdin.write(data)
                process.stdin.flush()
            process.stdin.close()

        def tell() -> None:
            with contextlib.suppress(OSError, EOFError):
                channel.send_exit_status(process.wait())

        threading.Thread(target=feed, daemon=True).start()
        # As OpenSSH does: when the shell has ended, whether or not all output is sent.
        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        for stream, send in ((process.stdout, channel.sendall), (process.stderr, channel.sendall_stderr)):
            while data := stream.read1(65536):
                with contextlib.suppress(OSError):
                    send(data)
            stream.close()
        teller.join()
        with contextlib.suppress(OSError, EOFError):
            channel.close()


class _Transport(paramiko.Transport):
    """Runs a command when its request has been granted: a short one would be done before."""

    def _send_user_message(self, data):
        super()._send_user_message(data)
        if data.asbytes().startswith(cMSG_CHANNEL_SUCCESS):
            while self.server_object.requested:
                threading.Thread(
                    target=self.server_object.execute, args=self.server_object.requested.pop(), daemon=True
                ).start()


@contextlib.contextmanager
def ssh_server(key: paramiko.PKey) -> Iterator[tuple[int, list[paramiko.Transport]]]:
    """Its port on 127.0.0.1, and the connections as they come."""
    transports: list[paramiko.Transport] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    link, _ = listener.accept()
                    transport = _Transport(link)
                    transport.add_server_key(key)
                    transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files)
                    transports.append(transport)
                    with contextlib.suppress(paramiko.SSHException, EOFError):
                        transport.start_server(server=_Server(key))

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1], transports
        listener.shutdown(socket.SHUT_RDWR)
    for transport in transports:
        transport.close()
