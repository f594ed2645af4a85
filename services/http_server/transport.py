"""Replacements for uvicorn's transport and flow control."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from uvicorn.protocols.http.flow_control import FlowControl


class Leaving(Protocol):
    transport: asyncio.Transport

    def leave(self) -> None:
        """Closes the connection after the client could read the written bytes."""


class GentleClose:
    """The transport of one request cycle; `close` is left to the connection."""

    def __init__(self, connection: Leaving) -> None:
        self._connection = connection

    def write(self, data: bytes) -> None:
        self._connection.transport.write(data)

    def is_closing(self) -> bool:
        return self._connection.transport.is_closing()

    def close(self) -> None:
        self._connection.leave()


class IntakeFlow(FlowControl):
    """Resumes reading through `on_resume`, which first processes the buffered bytes."""

    def __init__(self, transport: asyncio.Transport, on_resume: Callable[[], None]) -> None:
        super().__init__(transport)
        self._on_resume = on_resume

    def resume_reading(self) -> None:
        if self.read_paused:
            self.read_paused = False
            self._on_resume()
