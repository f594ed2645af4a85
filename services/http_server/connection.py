"""One HTTP/1.1 connection with bounds, on top of uvicorn's h11 protocol. Uses private parts of
uvicorn, guarded by tests/services/http_server/test_uvicorn_internals.py.

uvicorn bounds neither the duration of a request nor the bytes of one read. Here every phase of a
connection has a deadline, and h11 receives small pieces, with other tasks of the event loop in
between.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from services.http_server.connection_table import ConnectionTable
from services.http_server.intake import HeadTooLarge, Intake
from services.http_server.limits import ConnectionLimits, Phase
from services.http_server.transport import GentleClose, IntakeFlow
from services.http_server.turns import Turns
from services.telemetry import meter, problem

# For uvicorn: errors of the application only. What strangers send is counted, not logged.
ERRORS_ONLY = logging.getLogger(f"{__name__}.errors")
ERRORS_ONLY.setLevel(logging.ERROR)

REQUEST_S = 0.001  # what a request is charged with besides its parsing

CONNECTIONS_ENDED = meter.create_counter(
    "nextframe_http_connections_ended",
    description="HTTP connections that the service ended, by the phase that took too long,"
    " or `refused` and `made_room` at the bounds of open connections",
)


class BoundedState(ServerState):
    """State shared by all connections of one server."""

    def __init__(self, limits: ConnectionLimits, proxies: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.limits = limits
        self.table = ConnectionTable(
            max_connections=limits.max_connections,
            max_per_address=limits.max_per_address,
            proxies=proxies,
        )
        self.turns = Turns()


class UpgradedConnection(asyncio.Protocol):
    """Mixin of a WebSocket protocol; removes the connection from the table at the end.

    `payer`: the account for event-loop time. `on_closing`: called when the connection only waits
    for the client's close.
    """

    payer = ""
    on_lost: Callable[[], None] | None = None
    on_closing: Callable[[], None] | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.on_lost is not None:
            self.on_lost()


class BoundedConnection(H11Protocol):
    """Owns the deadline of the connection's current phase. Received bytes extend no phase."""

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
        self._limits = server_state.limits
        self._table = server_state.table
        self._turns = server_state.turns
        self._payer = ""
        self.conn = h11.Connection(h11.SERVER, self._limits.max_head_bytes)
        self._intake = Intake(self.conn, self._limits)
        self._num_discarded = 0
        self._is_leaving = False
        self._will_feed = False
        self._phase: tuple[Phase, object] | None = None  # and the request that it belongs to
        self._deadline: asyncio.TimerHandle | None = None

    # What the event loop calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = IntakeFlow(transport, self._feed_soon)
        host = self.client[0] if self.client else ""
        self._payer = self._table.payer(host)
        if self._table.admit(self, host):
            self._enter(Phase.SILENT)
        else:
            self._end("refused")

    def data_received(self, data: bytes) -> None:
        if self._phase is not None and self._phase[0] is Phase.DISCARD:
            self._num_discarded += len(data)
        if self._num_discarded > self._limits.max_discarded_bytes:
            self._end(Phase.DISCARD.value)
        elif not self._is_leaving:
            self._intake.add(data)
            if self._intake.is_overfull:
                self._end(Phase.HEAD.value)
            else:
                self.transport.pause_reading()
                self._feed_soon()

    def pause_writing(self) -> None:
        """The client does not read its response: it may be dropped."""
        super().pause_writing()
        self._table.set_waiting(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._phase is not None and self._phase[0] is Phase.ANSWER:
            self._table.set_busy(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    # What uvicorn calls

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._unset_keepalive_if_required()  # the deadline of the idle phase takes its place
        self._adopt_cycle()
        self._watch()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "bad-request", "This is no valid HTTP/1.1 request.")

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Transfers the connection to the WebSocket protocol, which has own pings."""
        self._intake.clear()
        self._cancel_deadline()
        self._table.set_busy(self)
        super().handle_websocket_upgrade(event)
        upgraded = self.transport.get_protocol()
        assert isinstance(upgraded, UpgradedConnection)
        upgraded.payer = self._payer
        upgraded.on_lost = self._forget
        upgraded.on_closing = partial(self._table.set_waiting, self)
        if not self.transport.is_closing():
            self.transport.resume_reading()

    # What the table and a request's cycle call

    def make_room(self) -> None:
        self._end("made_room")

    def leave(self) -> None:
        if self._intake or self.conn.their_state is h11.SEND_BODY:
            self._linger()
        elif not self._is_leaving:
            self.transport.close()

    def _linger(self) -> None:
        """Closes, but first reads for a while what the client still sends: closing a socket with
        unread bytes resets it, and the client would lose the response."""
        if self._is_leaving or self.transport.is_closing():
            return
        self._intake.clear()
        self.transport.write_eof()
        self.transport.resume_reading()
        self._enter(Phase.DISCARD)
        self._is_leaving = True

    # Reading

    def _feed_soon(self) -> None:
        if not self._will_feed:
            self._will_feed = True
            self._turns.ask(self._payer, self._feed)

    def _feed(self) -> None:
        """One piece; the next one comes on a later turn of the event loop."""
        self._will_feed = False
        if self._intake and not self.flow.read_paused and not self._is_done:
            self._give_piece()
        if self._is_done:
            return
        self._watch()
        if self.flow.read_paused:
            return
        if self._intake:
            self._feed_soon()
        else:
            self.transport.resume_reading()

    def _give_piece(self) -> None:
        try:
            self._intake.give_piece()
        except HeadTooLarge as error:
            self._refuse(431, "head-too-large", str(error))
        else:
            self.handle_events()
            self._adopt_cycle()

    def _adopt_cycle(self) -> None:
        """A request's cycle that was just made shall close gently."""
        if self.cycle is not None and self.cycle.transport is self.transport:
            self.cycle.transport = GentleClose(self)  # type: ignore[assignment]
            self._turns.charge(self._payer, REQUEST_S)

    @property
    def _is_done(self) -> bool:
        """Nothing that arrives is of interest any more, here."""
        transport = self.transport
        return self._is_leaving or transport.is_closing() or transport.get_protocol() is not self

    # Phases

    def _watch(self) -> None:
        if self._is_done:
            return
        is_sending = self.conn.their_state is h11.SEND_BODY
        if self.cycle is not None and not self.cycle.response_complete:
            self._enter(Phase.BODY if is_sending else Phase.ANSWER)
        elif is_sending:
            self._enter(Phase.DISCARD)
        elif self._intake.has_begun_a_head:
            self._enter(Phase.HEAD)
        else:
            self._enter(Phase.SILENT if self.cycle is None else Phase.IDLE)

    def _enter(self, phase: Phase) -> None:
        if self._phase == (phase, self.cycle):
            return
        self._phase = (phase, self.cycle)
        if phase is Phase.ANSWER and not self.flow.write_paused:
            self._table.set_busy(self)
        else:
            self._table.set_waiting(self)
        self._cancel_deadline()
        self._deadline = self.loop.call_later(self._limits.seconds(phase), self._expire, phase)

    def _expire(self, phase: Phase) -> None:
        if phase in (Phase.HEAD, Phase.BODY):
            CONNECTIONS_ENDED.add(1, {"reason": phase.value})
            wanted = f"Send the whole {phase.value} of a request within"
            detail = f"{wanted} {self._limits.seconds(phase):g} s."
            self._refuse(408, "request-timeout", detail)
        else:
            self._end(phase.value)

    def _end(self, reason: str) -> None:
        CONNECTIONS_ENDED.add(1, {"reason": reason})
        if self.transport.get_write_buffer_size():  # nobody reads: `close` would wait for ever
            self.transport.abort()
        else:
            self.transport.close()

    def _refuse(self, status: int, kind: str, detail: str) -> None:
        """Answers in place of the application, unless it has begun to, and ends the connection."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self._end("refused")
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        answer = problem(status, kind, detail)
        answer.headers["Connection"] = "close"
        reason = HTTPStatus(status).phrase.encode()
        for event in (
            h11.Response(status_code=status, headers=answer.raw_headers, reason=reason),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self._linger()

    def _forget(self) -> None:
        self._table.remove(self)
        self._cancel_deadline()

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
