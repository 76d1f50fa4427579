# SPDX-License-Identifier: MIT
"""What processes listen on, as the kernel has it."""

from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

#: TCP_LISTEN of the kernel's include/net/tcp_states.h; an UDP socket that takes packets is in state 7.
LISTENING = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    children: list[int] = []
    with suppress(OSError):  # it may end, or a thread of it
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                children += map(int, (task / "children").read_text().split())
    return [pid, *(other for child in children for other in family(child))]


def listening(pids: list[int]) -> dict[str, list[tuple[str, int]]]:
    """Address and port of the sockets of these processes that take connections, by program."""
    found: dict[str, list[tuple[str, int]]] = {}
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            program = Path(f"/proc/{pid}/comm").read_text().strip()
            found.setdefault(program, []).extend(_listening(pid))
    return {program: sockets for program, sockets in found.items() if sockets}


def _listening(pid: int) -> Iterator[tuple[str, int]]:
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it was closed meanwhile
            inodes.add(link.readlink().name.removeprefix("socket:[").rstrip("]"))
    for table, state in LISTENING.items():
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == state and fields[9] in inodes:
                address, port = fields[1].split(":")
                words = bytes.fromhex(address)
                order = b"".join(words[at : at + 4][::-1] for at in range(0, len(words), 4))
                ip = ip_address(order)
                yield str(getattr(ip, "ipv4_mapped", None) or ip), int(port, 16)


def outside(sockets: dict[str, list[tuple[str, int]]]) -> list[tuple[str, int]]:
    """Those that other machines can reach."""
    return [one for found in sockets.values() for one in found if not ip_address(one[0]).is_loopback]
