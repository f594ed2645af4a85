"""The WebSocket protocol that takes a bounded connection over. Needs the library `websockets`."""

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from services.http_server.connection import UpgradedConnection


class BoundedWebSocket(UpgradedConnection, WebSocketsSansIOProtocol):
    pass
