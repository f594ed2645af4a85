"""What uvicorn is given in place of a transport and of its flow control."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from uvicorn.protocols.http.flow_control import FlowControl


class Leaving(Protocol):
    transport: asyncio.Transport

    def leave(self) -> None:
        """Closes the connection so that the client can read what was written."""


class GentleClose:
    """The transport of one request's cycle: `close` is the connection's decision."""

    def __init__(self, connection: Leaving) -> None:
        self._connection = connection

    def write(self, data: bytes) -> None:
        self._connection.transport.write(data)

    def is_closing(self) -> bool:
        return self._connection.transport.is_closing()

    def close(self) -> None:
        self._connection.leave()


class IntakeFlow(FlowControl):
    """Reading goes on through `on_resume`, which first hands on what was read before."""

    def __init__(self, transport: asyncio.Transport, on_resume: Callable[[], None]) -> None:
        super().__init__(transport)
        self._on_resume = on_resume

    def resume_reading(self) -> None:
        if self.read_paused:
            self.read_paused = False
            self._on_resume()
