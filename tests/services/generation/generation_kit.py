"""Shared by tests of a replica: ingest's end of a frame link, and waiting for a condition."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from services.wire.frame import PREFIX_BYTES, EncodedFrame, Hello, Kind, pack, read_prefix
from services.wire.session import SessionRecord


@dataclass(slots=True)
class LinkClient:
    """Ingest's end of a frame link."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def connect(cls, record: SessionRecord) -> Self:
        """Connects to the replica in the record, and sends HELLO."""
        host, _, port = record.frame_address.rpartition(":")
        link = cls(*await asyncio.open_connection(host, int(port)))
        hello = Hello(session_id=record.session_id, epoch=record.epoch, link_key=record.link_key)
        link.send(Kind.HELLO, hello.to_body())
        return link

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()

    def send(self, kind: Kind, body: bytes = b"") -> None:
        self.writer.write(pack(kind, body))

    async def receive(self) -> tuple[Kind, bytes]:
        async with asyncio.timeout(5):
            kind, size = read_prefix(await self.reader.readexactly(PREFIX_BYTES))
            return kind, await self.reader.readexactly(size)

    async def receive_frame(self) -> EncodedFrame:
        """The next frame; other messages are skipped."""
        while True:
            kind, body = await self.receive()
            if kind is Kind.FRAME:
                return EncodedFrame.from_body(body)

    async def receive_state(self) -> dict[str, Any]:
        """The next STATE; frames are skipped."""
        while True:
            kind, body = await self.receive()
            if kind is Kind.STATE:
                state: dict[str, Any] = json.loads(body)
                return state

    async def is_closed(self) -> bool:
        """Waits until the replica closes the link; messages are skipped."""
        async with asyncio.timeout(5):
            with suppress(ConnectionError):
                await self.reader.read()
            return True


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - the condition has no event
            await asyncio.sleep(0.001)


async def eventually(holds: Callable[[], Awaitable[bool]], timeout_s: float = 5.0) -> None:
    """As `until`, for a coroutine. Compares clock times, because redis-py may swallow the
    cancellation of a timeout."""
    ends_s = time.monotonic() + timeout_s
    while not await holds():
        assert time.monotonic() < ends_s
        await asyncio.sleep(0.02)
