"""Buffers received bytes and passes pieces to h11; bounds the size of a request head.

A piece ends at the end of a request head, so h11 never holds more than one head.
"""

import re

import h11

from services.http_server.limits import ConnectionLimits

PIECE_BYTES = 2048  # of one-byte chunks, the worst there is, h11 takes about 5 ms for these
MAX_UNREAD_BYTES = 1 << 20
_END_OF_HEAD = re.compile(rb"\n\r?\n")


class HeadTooLarge(Exception):
    """The message states the maximum size of a head."""


class Intake:
    def __init__(self, conn: h11.Connection, limits: ConnectionLimits) -> None:
        self._conn = conn
        self._limits = limits
        self._unread = bytearray()

    def __bool__(self) -> bool:
        return bool(self._unread)

    @property
    def is_overfull(self) -> bool:
        return len(self._unread) > MAX_UNREAD_BYTES

    @property
    def has_begun_a_head(self) -> bool:
        return bool(self._unread or self._conn.trailing_data[0])

    def add(self, data: bytes) -> None:
        self._unread += data

    def clear(self) -> None:
        self._unread.clear()

    def give_piece(self) -> None:
        """Passes the next piece to h11. Raises HeadTooLarge before h11 parses the head."""
        piece = self._head() if self._conn.their_state is h11.IDLE else self._unread[:PIECE_BYTES]
        del self._unread[: len(piece)]
        self._conn.receive_data(bytes(piece))

    def _head(self) -> bytes:
        limits = self._limits
        begun = self._conn.trailing_data[0]
        head = begun + self._unread[: limits.max_head_bytes + 1]
        if end := _END_OF_HEAD.search(head, max(0, len(begun) - 2)):
            head = head[: end.end()]
        if len(head) > limits.max_head_bytes or head.count(b"\n") > limits.max_head_lines:
            raise HeadTooLarge(
                f"A request head has at most {limits.max_head_bytes} bytes"
                f" and {limits.max_head_lines} lines."
            )
        return head[len(begun) :]
