"""Private names of aiortc and aioice for the load test, except the names for attacks
(`drills/attacks/rtc_hooks.py`).

A frame is complete with its last packet. aiortc reports a frame at the first packet of the next
frame, one frame period late, so the hooks stamp the packets on arrival.
`tests/loadtest/test_rtc_hooks.py` fails if a name disappears.
"""

import queue
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import aioice.ice
from aiortc import RTCRtpReceiver
from aiortc.rtp import RtpPacket

_DECODER_QUEUE = "_RTCRtpReceiver__decoder_queue"

_own_address = ContextVar("own_address", default="127.0.0.1")

PacketListener = Callable[[int, int, float], None]
"""(RTP timestamp, payload bytes, arrival in seconds of `time.monotonic`)."""


def watch_packets(receiver: RTCRtpReceiver, listener: PacketListener) -> None:
    """Calls `listener` for every arriving video packet, including retransmissions."""
    handle = receiver._handle_rtp_packet

    async def stamp_and_handle(packet: RtpPacket, arrival_time_ms: int) -> None:
        listener(packet.timestamp, len(packet.payload), time.monotonic())
        await handle(packet, arrival_time_ms=arrival_time_ms)

    setattr(receiver, "_handle_rtp_packet", stamp_and_handle)  # noqa: B010  mypy forbids the plain form


def skip_decoding(receiver: RTCRtpReceiver) -> None:
    """Makes `receiver` assemble packets without decoding.

    Must be called before the connection starts, because the decoder's thread keeps the first queue.
    """
    if not isinstance(getattr(receiver, _DECODER_QUEUE, None), queue.Queue):
        raise RuntimeError("this aiortc keeps its decoder queue elsewhere; see rtc_hooks.py")
    setattr(receiver, _DECODER_QUEUE, _OnlyTheEnd())


def gather_loopback_only() -> None:
    """Offers 127.0.0.1, or the address of `gather_from`, as the only address of this process;
    aioice excludes loopback by default."""
    setattr(aioice.ice, "get_host_addresses", _loopback_address)  # noqa: B010


def gather_from(address: str) -> None:
    """Makes connections of the running task, and of tasks started by the task, offer this loopback
    address."""
    _own_address.set(address)


def _loopback_address(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    return [_own_address.get()]


class _OnlyTheEnd(queue.Queue[Any]):
    """A decoder queue that forgets all but None, which ends the decoder's thread."""

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if item is None:
            super().put(item, block, timeout)
