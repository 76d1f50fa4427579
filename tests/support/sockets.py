# SPDX-License-Identifier: MIT
"""What processes listen on, as the kernel has it."""

from ipaddress import ip_address
from pathlib import Path

#: TCP_LISTEN of the kernel's include/net/tcp_states.h; an UDP socket that takes packets is in state 7.
LISTENING = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    children = [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    return [pid, *(other for child in children for other in family(child))]


def listening(pids: list[int]) -> dict[str, list[tuple[str, int]]]:
    """Address and port of the sockets of these processes that take connections, by program."""
    found: dict[str, list[tuple[str, int]]] = {}
    for pid in pids:
        links = [link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
        inodes = {link.removeprefix("socket:[").rstrip("]") for link in links if link.startswith("socket:")}
        program = Path(f"/proc/{pid}/comm").read_text().strip()
        for table, state in LISTENING.items():
            for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == state and fields[9] in inodes:
                    address, port = fields[1].split(":")
                    words = bytes.fromhex(address)
                    order = b"".join(words[at : at + 4][::-1] for at in range(0, len(words), 4))
                    ip = ip_address(order)
                    ip = getattr(ip, "ipv4_mapped", None) or ip
                    found.setdefault(program, []).append((str(ip), int(port, 16)))
    return found


def outside(sockets: dict[str, list[tuple[str, int]]]) -> list[tuple[str, int]]:
    """Those that other machines can reach."""
    return [one for found in sockets.values() for one in found if not ip_address(one[0]).is_loopback]
