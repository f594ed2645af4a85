"""The private names used by the load test exist. After a failure, read the new aiortc first."""

import inspect
import queue

import aioice.ice
import pytest
from aiortc import RTCPeerConnection, RTCRtpReceiver

from loadtest.rtc_hooks import skip_decoding


def test_the_receiver_still_takes_packets_by_the_same_door() -> None:
    parameters = inspect.signature(RTCRtpReceiver._handle_rtp_packet).parameters
    assert list(parameters) == ["self", "packet", "arrival_time_ms"]
    assert inspect.iscoroutinefunction(RTCRtpReceiver._handle_rtp_packet)


@pytest.mark.asyncio
async def test_the_receiver_still_keeps_its_decoder_queue_there() -> None:
    connection = RTCPeerConnection()
    receiver = connection.addTransceiver("video", direction="recvonly").receiver
    assert type(vars(receiver)["_RTCRtpReceiver__decoder_queue"]) is queue.Queue
    skip_decoding(receiver)
    queued = vars(receiver)["_RTCRtpReceiver__decoder_queue"]
    queued.put("a frame")
    queued.put(None)
    assert queued.get_nowait() is None
    await connection.close()


def test_a_receiver_without_that_queue_is_refused() -> None:
    with pytest.raises(RuntimeError, match="decoder queue"):
        skip_decoding(object())  # type: ignore[arg-type]


def test_aioice_still_asks_one_function_for_addresses() -> None:
    parameters = inspect.signature(aioice.ice.get_host_addresses).parameters
    assert list(parameters) == ["use_ipv4", "use_ipv6"]
