"""The WebSocket protocol of an upgraded bounded connection. Needs the library `websockets`.

Adapter to uvicorn's protocol; uses private parts, guarded by
tests/services/http_server/test_uvicorn_internals.py. uvicorn parses all bytes of a read at once,
answers pings of a client that reads no answer, leaves an unparsable handshake without an answer,
and logs addresses, which may contain a token.
"""

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from services.http_server.connection import ERRORS_ONLY, BoundedState, UpgradedConnection

PIECE_BYTES = 256  # 43 pings, the smallest frames there are: about 1 ms
MAX_UNSENT_BYTES = 1 << 14  # below what makes uvicorn wait for the client to read

_NO_HANDSHAKE = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class BoundedWebSocket(UpgradedConnection, WebSocketsSansIOProtocol):
    """Reads in small pieces, each in its turn."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        assert isinstance(server_state, BoundedState)
        self.logger = ERRORS_ONLY
        self.conn.logger = ERRORS_ONLY
        self._turns = server_state.turns
        self._unread = bytearray()
        self._will_feed = False

    def data_received(self, data: bytes) -> None:
        if not self.handshake_initiated:  # the head, which is bounded
            super().data_received(data)
            if not self.handshake_initiated:
                self.transport.write(_NO_HANDSHAKE)
                self.transport.close()
            return
        self._unread += data
        self.transport.pause_reading()
        self._feed_soon()

    def send_receive_event_to_app(self) -> None:
        """Refuses a text that is none, which uvicorn would log."""
        message = b"".join(self.frames)
        if self.curr_msg_data_type == "text" and not self.close_sent and not _is_text(message):
            self.frames = []
            self.conn.send_close(1007)
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    async def receive(self) -> Any:
        """In place of uvicorn's, which would read from the socket before what was read is used."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._feed_soon()
        return message

    async def send(self, message: Any) -> None:
        await super().send(message)
        if self.close_sent:
            self._feed_soon()  # the client's goodbye may have arrived
            if self.on_closing is not None:
                self.on_closing()

    def _feed_soon(self) -> None:
        if not self._will_feed:
            self._will_feed = True
            self._turns.ask(self.payer, self._feed)

    def _feed(self) -> None:
        self._will_feed = False
        if self.transport.is_closing():
            return
        piece = bytes(self._unread[:PIECE_BYTES])
        del self._unread[:PIECE_BYTES]
        if piece:
            super().data_received(piece)
        if self.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self.transport.abort()
        elif not self.read_paused and self._unread:
            self._feed_soon()
        elif not self.read_paused:
            self.transport.resume_reading()


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
