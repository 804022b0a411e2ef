"""Tests, and the programs that they start, reach this machine only.

Python imports a module of this name when it starts, so that `tests/conftest.py` need only name the
folder. pip is let through: it fetches the embedded model where no cache has it.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from pathlib import Path
from typing import Any

attempts: list[str] = []  # that were refused in this process
_connect, _connect_ex, _getaddrinfo = (
    socket.socket.connect,
    socket.socket.connect_ex,
    socket.getaddrinfo,
)


def is_here(address: Any) -> bool:
    """Whether an address is of this machine: a loopback one, its name, or a socket's path."""
    if not isinstance(address, tuple):
        return True
    host = address[0]
    host = host.decode() if isinstance(host, bytes) else host
    if host in (None, "", "localhost", socket.gethostname()):
        return True
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return found.is_loopback or found.is_unspecified


def _refuse(address: object) -> None:
    if not is_here(address):
        attempts.append(str(address))
        raise OSError(f"a test reached for {address}: nothing but this machine is there")


def block() -> None:
    """Refuse connections to other machines from now on, and looking for their addresses."""

    def connect(self: socket.socket, address: Any) -> None:
        _refuse(address)
        _connect(self, address)

    def connect_ex(self: socket.socket, address: Any) -> int:
        _refuse(address)
        return _connect_ex(self, address)

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            ipaddress.ip_address(host)  # a number needs no looking for; connecting to it is refused
        except ValueError:
            _refuse((host,))
        return _getaddrinfo(host, *args, **kwargs)

    socket.socket.connect, socket.socket.connect_ex = connect, connect_ex  # type: ignore[method-assign]
    socket.getaddrinfo = getaddrinfo


if not {"pip", "__pip-runner__.py"} & {Path(word).name for word in sys.orig_argv[:4]}:
    block()
