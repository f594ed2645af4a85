"""Filters the datagrams for aiortc and bounds the queue.

aioice passes on all non-STUN data, from any source, without bound. aiortc closes a connection at an
empty or overlong datagram, and reads the whole queue without yielding to the event loop.
"""

import asyncio
import time
from typing import Any, cast

import aioice.ice
from aioice.ice import Connection, StunProtocol

from services.ingest.metrics import DATAGRAMS_DROPPED
from services.ingest.webrtc.abuse import Abuse
from services.ingest.webrtc.share import ProcessorShare
from services.ingest.webrtc.token_bucket import TokenBucket

MAX_DATAGRAM_BYTES = 1500
MAX_REMOTE_CANDIDATES = 96  # 64 offered ones and those learned from connectivity checks
CHECKS_PER_S = 50  # connectivity checks (STUN) of one socket; the peer's and strangers' apart
BURST_CHECKS = 20
MAX_WAITING = 256
MAX_WAITING_BYTES = 1 << 18
MAX_HANDSHAKE_BYTES = 1 << 16  # of one connection in all; a browser sends 2 to 4 KB

_STUN = range(4)  # first bytes, RFC 7983
_STUN_HEAD_BYTES = 20
_DTLS = range(20, 64)
_RTP = range(128, 192)
_RTCP_TYPES = range(192, 209)  # second byte, as aiortc tells them from RTP
_DTLS_HANDSHAKE = 22


def guard_sockets() -> None:
    """Makes every later ICE socket of this process drop datagrams from strangers."""
    aioice.ice.StunProtocol = GuardedProtocol  # type: ignore[misc]


def drop(reason: str) -> None:
    DATAGRAMS_DROPPED.add(1, {"reason": reason})


class GuardedProtocol(StunProtocol):
    """One ICE socket. Data passes only from a remote candidate: offered by the peer, or learned by
    aioice from a connectivity check with a valid message integrity. Connectivity checks pass from
    any address at a bounded rate, so aioice can learn a peer."""

    def __init__(self, receiver: Connection) -> None:
        super().__init__(receiver)
        self._checks = TokenBucket(per_s=CHECKS_PER_S, burst=BURST_CHECKS)
        self._strangers_checks = TokenBucket(per_s=CHECKS_PER_S, burst=BURST_CHECKS)

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        data = cast(bytes, data)
        if reason := self._reject_reason(data, (addr[0], addr[1])):
            drop(reason)
            return
        try:
            super().datagram_received(data, addr)
        except Exception:  # uvloop closes the socket when this method raises
            drop("malformed")

    def _reject_reason(self, data: bytes, addr: tuple[str, int]) -> str:
        """Why to drop the datagram; empty to keep it."""
        if not 0 < len(data) <= MAX_DATAGRAM_BYTES:
            return "size"
        is_known = self._is_known(addr)
        if data[0] not in _STUN:
            return "" if is_known else "stranger"
        if not self._concerns_us(data):
            return "checks"  # or strangers would use up what lets a peer be learned
        checks = self._checks if is_known else self._strangers_checks
        is_full = len(self.receiver._remote_candidates) >= MAX_REMOTE_CANDIDATES
        if not checks.take(time.monotonic()) or (is_full and not is_known):
            return "checks"
        return ""

    def _concerns_us(self, message: bytes) -> bool:
        """Whether a STUN message names our username fragment, which only the peer was told, or
        answers a request of ours."""
        if len(message) < _STUN_HEAD_BYTES:
            return False
        if message[0] & 1 or message[1] & 0x10:  # no request: RFC 8489, section 5
            return message[8:_STUN_HEAD_BYTES] in self.transactions
        return f"{self.receiver.local_username}:".encode() in message

    def _is_known(self, addr: tuple[str, int]) -> bool:
        nominated = self.receiver._nominated.values()
        if any(pair.remote_addr == addr for pair in nominated):
            return True
        remotes = self.receiver._remote_candidates
        return any((remote._network_host, remote.port) == addr for remote in remotes)


class ReceiveQueue(asyncio.Queue[tuple[bytes, int] | None]):
    """Bounded queue of one peer's DTLS input, in place of aioice's unbounded queue; None ends the
    queue.

    Each datagram is returned in a separate turn of the event loop. Incoming RTP is dropped, because
    ingest receives no media and libsrtp would keep state for every SSRC.
    """

    def __init__(self, abuse: Abuse, share: ProcessorShare) -> None:
        super().__init__()
        self._abuse = abuse
        self._share = share
        self._num_bytes = 0
        self._num_handshake_bytes = 0

    def put_nowait(self, item: tuple[bytes, int] | None) -> None:
        if item is not None:
            if reason := self._reject_reason(item[0]):
                drop(reason)
                return
            self._num_bytes += len(item[0])
        super().put_nowait(item)

    async def get(self) -> tuple[bytes, int] | None:
        await self._share.pause()
        item = await super().get()
        if item is not None:
            self._num_bytes -= len(item[0])
        self._share.begin()
        return item

    def _reject_reason(self, data: bytes) -> str:
        if self._abuse.reason:
            return "cut_off"
        if not (data[0] in _DTLS or _is_rtcp(data)):
            return "kind"
        if data[0] == _DTLS_HANDSHAKE:
            self._num_handshake_bytes += len(data)
            if self._num_handshake_bytes > MAX_HANDSHAKE_BYTES:
                return "handshake"
        if self.qsize() >= MAX_WAITING or self._num_bytes + len(data) > MAX_WAITING_BYTES:
            return "full"
        return ""


def _is_rtcp(data: bytes) -> bool:
    return data[0] in _RTP and len(data) > 1 and data[1] in _RTCP_TYPES
