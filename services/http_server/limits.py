"""Deadlines of an HTTP connection and the maximum number of connections."""

from dataclasses import dataclass
from enum import Enum


class Phase(Enum):
    """Phase of a connection; the value is the metric's label."""

    SILENT = "silent"  # accepted, no byte yet
    HEAD = "head"  # a request head has begun
    BODY = "body"  # the head is complete, the body is not
    ANSWER = "answer"  # the request is complete, the response is not
    DISCARD = "discard"  # the response is complete, the client still sends its body
    IDLE = "idle"  # between two requests


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Seconds for each phase, counted from the start of the phase; bytes and lines of a request
    head; discarded bytes of a body after the response.

    `idle_s` is longer than the 60 s reuse time of load balancers. Otherwise a balancer would send a
    request into a closing connection. `max_connections`, `max_per_address`: open connections in
    total, and per IPv4 address or IPv6 /64 network.
    """

    max_connections: int = 512
    max_per_address: int = 128
    silent_s: float = 20.0
    head_s: float = 10.0
    body_s: float = 15.0
    answer_s: float = 60.0
    discard_s: float = 10.0
    idle_s: float = 80.0
    max_head_bytes: int = 16 * 1024
    max_head_lines: int = 128
    max_discarded_bytes: int = 16 << 20

    def seconds(self, phase: Phase) -> float:
        return {
            Phase.SILENT: self.silent_s,
            Phase.HEAD: self.head_s,
            Phase.BODY: self.body_s,
            Phase.ANSWER: self.answer_s,
            Phase.DISCARD: self.discard_s,
            Phase.IDLE: self.idle_s,
        }[phase]
