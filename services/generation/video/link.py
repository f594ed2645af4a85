"""One edge's connection, seen from the replica. Knows bytes, not sessions."""

import asyncio
import socket
from collections import deque

MAX_WAITING = 2  # frames; more would only be older when they arrive
_SEND_BUFFER_BYTES = 64 * 1024  # the kernel must not hide a queue from us


class Link:
    """Owns the way out to one edge. A frame that cannot leave at once is dropped with everything
    behind it, up to the next keyframe: never a growing delay."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._waiting: deque[bytes] = deque()
        self._wakeup = asyncio.Event()
        self._needs_key = True
        self.ended = asyncio.Event()
        writer.transport.set_write_buffer_limits(high=0)
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)

    def offer(self, message: bytes, *, is_key: bool) -> bool:
        """False: the frame was dropped because the link is slow, and a keyframe is needed."""
        if self._needs_key and not is_key:
            return True  # asked for already
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.clear()
            self._needs_key = not is_key
            if self._needs_key:
                return False
        self._needs_key = False
        self._waiting.append(message)
        self._wakeup.set()
        return True

    def tell(self, message: bytes) -> None:
        """Sends a small message ahead of the waiting frames; never dropped."""
        self._writer.write(message)

    def end(self) -> None:
        """The edge is told nothing more; `ended` wakes who owns the connection."""
        self.ended.set()

    async def send(self) -> None:
        """Sends what is offered, for ever. Raises ConnectionError when the edge is gone."""
        while True:
            await self._wakeup.wait()
            self._wakeup.clear()
            while self._waiting:
                self._writer.write(self._waiting.popleft())
                await self._writer.drain()
