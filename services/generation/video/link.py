"""One link to ingest, on the replica's side. Knows bytes, not sessions."""

import asyncio
import socket
from collections import deque
from collections.abc import Callable

from services.wire.link_socket import notice_dead_peer

MAX_WAITING = 2  # frames; a longer queue would only delay frames
STALL_S = 2.0  # a link that takes no byte for longer is closed
_SEND_BUFFER_BYTES = 64 * 1024  # a larger buffer would be a queue hidden in the kernel


class Link:
    """Owns the frames on the way to one peer. When the queue is full all frames up to the next
    keyframe are dropped, hence the delay cannot grow. `request_keyframe` is called as soon as the
    link is writable again, and not while the link is blocked."""

    def __init__(
        self, writer: asyncio.StreamWriter, *, request_keyframe: Callable[[], None]
    ) -> None:
        self._writer = writer
        self._request_keyframe = request_keyframe
        self._num_written = 0  # bytes, with the bytes that wait in the transport
        self._waiting: deque[bytes] = deque()
        self._wakeup = asyncio.Event()
        self._needs_key = True
        self.ended = asyncio.Event()
        writer.transport.set_write_buffer_limits(high=0)
        connection = writer.get_extra_info("socket")
        notice_dead_peer(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)

    def enqueue(self, message: bytes, *, is_key: bool) -> bool:
        """False: the frame was dropped on a slow link; a keyframe will be requested."""
        if self._needs_key and not is_key:
            return True  # the link waits for a keyframe: not counted as dropped
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
        """Nothing more is sent; `ended` wakes the task of the connection."""
        self.ended.set()

    async def send(self) -> None:
        """Sends enqueued frames, without end. Raises ConnectionError when the peer is gone, and
        TimeoutError when the peer took no byte for STALL_S."""
        while True:
            await self._wakeup.wait()
            self._wakeup.clear()
            while self._waiting:
                self._write(self._waiting.popleft())
                await self._drain()
            if self._needs_key:  # frames were dropped, or none was sent yet
                self._request_keyframe()

    def _write(self, message: bytes) -> None:
        self._num_written += len(message)
        self._writer.write(message)

    async def _drain(self) -> None:
        """Waits until the kernel has all bytes. A slow link may be slow; a dead link times out."""
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
