"""The open connections of one listening port, and the choice of a connection to drop for a new
connection.

Plain Python: knows no socket and no clock.
"""

import ipaddress
from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from services.callers import caller_of

ANYBODY = "*"


class Connection(Protocol):
    def make_room(self) -> None:
        """Ends the connection at once."""


class ConnectionTable:
    """Bounds open connections in total and per address (`callers.py`).

    At a bound, the table drops the connection with the longest wait without a request, so silent
    connections cannot block new clients. `proxies`: addresses or networks with connections of many
    people; only the total bound applies.
    """

    def __init__(
        self, *, max_connections: int, max_per_address: int, proxies: Iterable[str] = ()
    ) -> None:
        self._max_connections = max_connections
        self._max_per_address = max_per_address
        self._proxies = tuple(proxies)
        self._groups: dict[Connection, str] = {}
        self._waiting: dict[Connection, None] = {}  # in the order in which they began to wait
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._groups)

    def admit(self, connection: Connection, host: str) -> bool:
        """Returns whether the connection may stay. An admitted connection counts as waiting."""
        group = caller_of(host).address
        if not self._make_room(group, is_proxy=self._is_proxy(host)):
            return False
        self._groups[connection] = group
        self._counts[group] += 1
        self._waiting[connection] = None
        return True

    def payer(self, host: str) -> str:
        """Who pays for what its connections cost: its address; "" for a proxy, who is many."""
        return "" if self._is_proxy(host) else caller_of(host).address

    def remove(self, connection: Connection) -> None:
        """Removes the connection; idempotent."""
        group = self._groups.pop(connection, None)
        if group is None:
            return
        self._waiting.pop(connection, None)
        self._counts[group] -= 1
        if not self._counts[group]:
            del self._counts[group]

    def set_waiting(self, connection: Connection) -> None:
        """The service waits for the client: the connection becomes the newest candidate for a
        drop."""
        if connection in self._groups:
            self._waiting.pop(connection, None)
            self._waiting[connection] = None

    def set_busy(self, connection: Connection) -> None:
        """The client waits for the service: the connection is not dropped."""
        self._waiting.pop(connection, None)

    def _make_room(self, group: str, *, is_proxy: bool) -> bool:
        if not is_proxy and self._counts[group] >= self._max_per_address:
            return self._drop(c for c in self._waiting if self._groups[c] == group)
        if len(self._groups) >= self._max_connections:
            return self._drop(self._waiting)
        return True

    def _drop(self, candidates: Iterable[Connection]) -> bool:
        """The oldest of the address group that has most; False when nobody can be dropped."""
        dropped = max(candidates, key=lambda c: self._counts[self._groups[c]], default=None)
        if dropped is None:
            return False
        self.remove(dropped)
        dropped.make_room()
        return True

    def _is_proxy(self, host: str) -> bool:
        return any(_is_within(host, proxy) for proxy in self._proxies)


def _is_within(host: str, proxy: str) -> bool:
    if proxy in (ANYBODY, host):
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(proxy, strict=False)
    except ValueError:
        return False
