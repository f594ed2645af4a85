"""One edge's connection, seen from the replica. Knows bytes, not sessions."""

import asyncio
import socket
from collections import deque
from collections.abc import Callable

from services.wire.link_socket import notice_dead_peer

MAX_WAITING = 2  # frames; more would only be older when they arrive
STALL_S = 2.0  # a link that takes no byte for so long is closed
_SEND_BUFFER_BYTES = 64 * 1024  # the kernel must not hide a queue from us


class Link:
    """Owns the way out to one edge. A frame that cannot leave at once is dropped with everything
    behind it, up to the next keyframe: never a growing delay. `request_keyframe` is called when the
    link can take one again, so a link that takes nothing costs the others nothing."""

    def __init__(
        self, writer: asyncio.StreamWriter, *, request_keyframe: Callable[[], None]
    ) -> None:
        self._writer = writer
        self._request_keyframe = request_keyframe
        self._num_written = 0  # bytes, also those that wait in the transport
        self._waiting: deque[bytes] = deque()
        self._wakeup = asyncio.Event()
        self._needs_key = True
        self.ended = asyncio.Event()
        writer.transport.set_write_buffer_limits(high=0)
        connection = writer.get_extra_info("socket")
        notice_dead_peer(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)

    def enqueue(self, message: bytes, *, is_key: bool) -> bool:
        """False: the frame was dropped because the link is slow; a keyframe will be asked for."""
        if self._needs_key and not is_key:
            return True  # as it waits for a keyframe
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.clear()
            self._needs_key = not is_key
            if self._needs_key:
                return False
        self._needs_key = False
        self._waiting.append(message)
        self._wakeup.set()
        return True

    def send_first(self, message: bytes) -> None:
        """Sends a small message ahead of the waiting frames; never dropped."""
        self._write(message)

    def end(self) -> None:
        """The edge is told nothing more; `ended` wakes who owns the connection."""
        self.ended.set()

    async def send(self) -> None:
        """Sends what is offered, for ever. Raises ConnectionError when the edge is gone, and
        TimeoutError when it took nothing for STALL_S."""
        while True:
            await self._wakeup.wait()
            self._wakeup.clear()
            while self._waiting:
                self._write(self._waiting.popleft())
                await self._drain()
            if self._needs_key:  # frames were dropped meanwhile, or before the first was sent
                self._request_keyframe()

    def _write(self, message: bytes) -> None:
        self._num_written += len(message)
        self._writer.write(message)

    async def _drain(self) -> None:
        """Until the kernel has everything. A slow link may take its time, a dead one may not."""
        num_taken = -1
        while (now_taken := self._num_written - self._num_unsent) > num_taken:
            num_taken = now_taken
            try:
                async with asyncio.timeout(STALL_S):
                    return await self._writer.drain()
            except TimeoutError:
                continue
        raise TimeoutError(f"the link took nothing for {STALL_S} s")

    @property
    def _num_unsent(self) -> int:
        return self._writer.transport.get_write_buffer_size()
