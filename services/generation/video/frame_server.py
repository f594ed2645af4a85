"""Sends encoded frames to ingest over TCP (`services.wire.frame`).

Ingest opens a link with HELLO and the session's link key, then sends only requests for keyframes or
a reset and reports of the receivable bit rate. Knows no engine and no codec; lives on one event
loop.
"""

import asyncio
import contextlib
import hmac
import logging
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from services.generation.video.encoder_requests import EncoderRequests
from services.generation.video.link import Link
from services.repeated_log import RepeatedLog
from services.telemetry import meter
from services.wire.codec import VideoCodec
from services.wire.frame import (
    PREFIX_BYTES,
    EncodedFrame,
    Hello,
    Kind,
    pack,
    pack_json,
    read_prefix,
)

MAX_LINKS = 256
MAX_LINKS_PER_SESSION = 8
MAX_UPSTREAM_BYTES = 512  # HELLO is the longest message from ingest
HELLO_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 1.0

LINKS_REFUSED = meter.create_counter(
    "nextframe_links_refused", description="links closed for a wrong HELLO"
)
FRAMES_DROPPED = meter.create_counter(
    "nextframe_link_frames_dropped", description="frames dropped on slow links"
)

log = logging.getLogger(__name__)
repeated = RepeatedLog(log)


class LinkRefused(Exception):
    """HELLO is missing or wrong, or there are too many links: the connection is closed."""


@dataclass(slots=True, kw_only=True)
class _Outlet:
    """The links of one session."""

    epoch: int
    link_key: str
    requests: EncoderRequests
    on_reset: Callable[[], None]
    links: set[Link] = field(default_factory=set)


class FrameServer:
    """Owns the links of every session on this replica."""

    def __init__(self) -> None:
        self._outlets: dict[str, _Outlet] = {}
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Returns the port in use. Raises OSError when the port is taken."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=1024)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def open(
        self,
        session_id: str,
        *,
        epoch: int,
        link_key: str,
        requests: EncoderRequests,
        on_reset: Callable[[], None],
    ) -> None:
        """`on_reset`: called when the player requests a reset."""
        self._outlets[session_id] = _Outlet(
            epoch=epoch, link_key=link_key, requests=requests, on_reset=on_reset
        )

    def close(self, session_id: str) -> None:
        """Ends the session's links, after the messages sent before."""
        outlet = self._outlets.pop(session_id, None)
        for link in outlet.links if outlet else ():
            link.end()

    def publish(self, session_id: str, frame: EncodedFrame) -> None:
        outlet = self._outlets.get(session_id)
        if outlet is None or outlet.epoch != frame.epoch:
            return  # the session has just left
        message = pack(Kind.FRAME, frame.to_body())
        for link in outlet.links:
            if not link.enqueue(message, is_key=frame.is_key):
                FRAMES_DROPPED.add(1)

    def send_state(self, session_id: str, state: dict[str, Any]) -> None:
        outlet = self._outlets.get(session_id)
        for link in outlet.links if outlet else ():
            link.send_first(pack_json(Kind.STATE, state))

    def send_state_to_all(self, state: dict[str, Any]) -> None:
        for session_id in self._outlets:
            self.send_state(session_id, state)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            outlet, codec = await self._welcome(reader)
            outlet.requests.codec = codec
            await self._serve_link(reader, writer, outlet)
        except LinkRefused as refusal:
            LINKS_REFUSED.add(1)
            repeated.warning("link refused", cause=str(refusal))
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            log.info("link lost", extra={"reason": repr(error)})
        except asyncio.CancelledError:
            pass  # from `stop`; the server of asyncio would log the cancellation as an error
        finally:
            self._connections.discard(task)
            await _close(writer)

    async def _welcome(self, reader: asyncio.StreamReader) -> tuple[_Outlet, VideoCodec]:
        """The session of a new link, and the codec of the player. Ingest reads the codec from the
        session record, hence the newest HELLO is right."""
        if len(self._connections) > MAX_LINKS:
            raise LinkRefused("too many links")
        try:
            async with asyncio.timeout(HELLO_TIMEOUT_S):
                kind, body = await _receive(reader)
            if kind is not Kind.HELLO:
                raise LinkRefused("no hello")
            hello = Hello.from_body(body)
        except (ValueError, EOFError, TimeoutError) as error:
            raise LinkRefused("no hello") from error
        outlet = self._outlets.get(hello.session_id)
        given, wanted = hello.link_key.encode(), outlet.link_key.encode() if outlet else b"none"
        if not hmac.compare_digest(given, wanted) or outlet is None:
            raise LinkRefused("wrong session or key")
        if hello.epoch != outlet.epoch:
            raise LinkRefused("stale epoch")
        if len(outlet.links) >= MAX_LINKS_PER_SESSION:
            raise LinkRefused("too many links to one session")
        return outlet, hello.codec

    async def _serve_link(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, outlet: _Outlet
    ) -> None:
        link = Link(writer, request_keyframe=outlet.requests.request_keyframe)
        outlet.links.add(link)
        outlet.requests.num_links = len(outlet.links)
        outlet.requests.request_keyframe()
        tasks = [
            asyncio.ensure_future(work)
            for work in (link.send(), _listen(reader, outlet), link.ended.wait())
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            outlet.links.discard(link)
            outlet.requests.num_links = len(outlet.links)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _listen(reader: asyncio.StreamReader, outlet: _Outlet) -> None:
    """Handles the messages after HELLO. Raises ValueError for any other message."""
    while True:
        kind, body = await _receive(reader)
        if kind is Kind.KEYFRAME:
            outlet.requests.request_keyframe()
        elif kind is Kind.RESET:
            outlet.on_reset()
        elif kind is Kind.BITRATE and len(body) == 4:
            outlet.requests.report_bit_rate(struct.unpack("<I", body)[0])
        else:
            raise ValueError(f"{kind.name} with {len(body)} bytes is not for a replica")


async def _close(writer: asyncio.StreamWriter) -> None:
    """Flushes the buffer, at most CLOSE_TIMEOUT_S for a peer that does not read."""
    writer.close()
    with contextlib.suppress(OSError):
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await writer.wait_closed()
        except TimeoutError:
            writer.transport.abort()


async def _receive(reader: asyncio.StreamReader) -> tuple[Kind, bytes]:
    kind, num_bytes = read_prefix(await reader.readexactly(PREFIX_BYTES))
    if num_bytes > MAX_UPSTREAM_BYTES:
        raise ValueError(f"{num_bytes} bytes from ingest; {MAX_UPSTREAM_BYTES} allowed")
    return kind, await reader.readexactly(num_bytes)
