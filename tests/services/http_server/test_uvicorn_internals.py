"""Private parts of uvicorn and h11 used by `connection.py`. After a failure with a new version,
read the new source and change the adapter."""

import inspect
import re

import h11
from uvicorn.config import Config
from uvicorn.protocols.http import h11_impl
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import Server, ServerState

SOURCE = inspect.getsource(h11_impl.H11Protocol)
CYCLE = inspect.getsource(h11_impl.RequestResponseCycle)


def test_the_connection_parses_only_what_is_received_and_only_in_handle_events() -> None:
    assert SOURCE.count("receive_data(") == 1 and SOURCE.count("next_event()") == 1
    assert "self.conn.receive_data(data)\n        self.handle_events()" in SOURCE


def test_the_methods_that_the_adapter_replaces_or_extends_are_there() -> None:
    wanted = {"connection_made", "connection_lost", "data_received", "on_response_complete"}
    wanted |= {"send_400_response", "handle_websocket_upgrade", "handle_events"}
    wanted |= {"pause_writing", "resume_writing"}
    assert wanted <= set(vars(h11_impl.H11Protocol))
    assert {"pause_reading", "resume_reading"} <= set(vars(FlowControl))
    assert "connection_lost" in vars(WebSocketsSansIOProtocol)
    assert "self.ws_protocol_class(" in SOURCE and "set_protocol(protocol)" in SOURCE


def test_keep_alive_is_timed_where_the_adapter_stops_it() -> None:
    assert SOURCE.count("call_later(") == 1
    ended = inspect.getsource(h11_impl.H11Protocol.on_response_complete)
    assert "self.timeout_keep_alive_task = self.loop.call_later" in ended


def test_a_cycle_uses_three_methods_of_its_transport() -> None:
    assert set(re.findall(r"self\.transport\.(\w+)", CYCLE)) == {"write", "close", "is_closing"}
    assert "if self.disconnected:\n            return" in CYCLE
    assert {"response_complete", "disconnected", "message_event"} <= set(
        re.findall(r"self\.(\w+)", CYCLE)
    )


def test_a_server_takes_its_state_from_an_attribute() -> None:
    assert isinstance(vars(Server(Config("x:y")))["server_state"], ServerState)
    assert "server_state=self.server_state" in inspect.getsource(Server.startup)


def test_h11_says_what_it_holds_and_where_it_is() -> None:
    conn = h11.Connection(h11.SERVER, 100)
    conn.receive_data(b"GET / HT")
    assert conn.next_event() is h11.NEED_DATA
    assert conn.trailing_data == (b"GET / HT", False)
    assert conn.their_state is h11.IDLE and conn.our_state is h11.IDLE
    assert conn.send(h11.Response(status_code=408, headers=[("content-length", "0")]))


def test_a_web_socket_reads_and_closes_as_the_adapter_expects() -> None:
    source = inspect.getsource(WebSocketsSansIOProtocol)
    received = inspect.getsource(WebSocketsSansIOProtocol.receive)
    assert "if self.read_paused and self.queue.empty():" in received
    assert "self.read_paused = True\n            self.transport.pause_reading()" in source
    assert "self.close_sent = True" in inspect.getsource(WebSocketsSansIOProtocol.send)
    assert "self.handshake_initiated = True" in source and "self.logger." in source
