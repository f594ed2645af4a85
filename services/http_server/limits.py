"""How long an HTTP connection may take for each thing it does, and how many there may be."""

from dataclasses import dataclass
from enum import Enum


class Phase(Enum):
    """What a connection is doing; the value is the metric's label."""

    SILENT = "silent"  # accepted, no byte yet
    HEAD = "head"  # a request head has begun
    BODY = "body"  # the head is complete, the body is not
    ANSWER = "answer"  # the request is complete, the response is not
    DISCARD = "discard"  # the response is complete, the client still sends its body
    IDLE = "idle"  # between two requests


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Seconds for each phase, counted from its beginning whatever arrives meanwhile; bytes and
    lines of a request head; bytes of a body that are read and thrown away after the response.

    `idle_s` is longer than the 60 s for which load balancers reuse a connection, or a balancer
    would send a request into a connection that is being closed.
    `max_connections`, `max_per_address`: open connections in all, and of one IPv4 address or IPv6
    /64 network.
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
