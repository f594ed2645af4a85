"""The queue before a peer's DTLS is bounded in number, bytes and kind, and read in turns; a
stranger's bytes never break a socket."""

import asyncio
import os
import socket
import time
from struct import pack

import aioice
import aioice.ice
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.webrtc import rtc_hooks
from services.ingest.webrtc.abuse import Abuse
from services.ingest.webrtc.rtc_hooks.datagrams import (
    BURST_CHECKS,
    MAX_HANDSHAKE_BYTES,
    MAX_REMOTE_CANDIDATES,
    MAX_WAITING,
    MAX_WAITING_BYTES,
    GuardedProtocol,
    ReceiveQueue,
)
from services.ingest.webrtc.rtc_hooks.sctp_packet import packet_error
from services.ingest.webrtc.share import BURST_S, SHARE, ProcessorShare

RECORD = b"\x17"  # application data, DTLS 1.2
HANDSHAKE = b"\x16"


def inbox(abuse: Abuse | None = None) -> ReceiveQueue:
    return ReceiveQueue(abuse or Abuse(), ProcessorShare())


def put(box: ReceiveQueue, *datagrams: bytes) -> None:
    for datagram in datagrams:
        box.put_nowait((datagram, 1))


def test_so_many_datagrams_wait_and_no_more() -> None:
    box = inbox()
    put(box, *[RECORD] * 1000)
    assert box.qsize() == MAX_WAITING


def test_so_many_bytes_wait_and_no_more() -> None:
    box = inbox()
    put(box, *[RECORD * 1400] * 200)
    assert box.qsize() == MAX_WAITING_BYTES // 1400


@pytest.mark.asyncio
async def test_what_is_read_makes_room() -> None:
    box = inbox()
    for _ in range(3):
        put(box, *[RECORD * 1400] * 200)
        while box.qsize():
            assert await box.get() == (RECORD * 1400, 1)
    box.put_nowait(None)  # the end passes whatever waits
    assert await box.get() is None


@pytest.mark.parametrize(
    ("datagram", "is_taken"),
    [
        (RECORD, True),
        (HANDSHAKE, True),
        (b"\x2c", True),  # DTLS 1.3
        (b"\x80\xc8", True),  # RTCP
        (b"\x80\x66", False),  # RTP: nothing is received here
        (b"\x80", False),
        (b"\x01", False),
        (b"\xff", False),
    ],
)
def test_only_dtls_and_feedback_are_taken(datagram: bytes, is_taken: bool) -> None:
    box = inbox()
    put(box, datagram)
    assert box.qsize() == is_taken


@pytest.mark.asyncio
async def test_a_handshake_has_so_many_bytes_in_all() -> None:
    box, taken = inbox(), 0
    for _ in range(100):
        put(box, HANDSHAKE * 1400)
        while box.qsize():
            await box.get()
            taken += 1
    assert taken == MAX_HANDSHAKE_BYTES // 1400


def test_who_broke_a_bound_is_not_heard() -> None:
    abuse = Abuse()
    box = inbox(abuse)
    abuse.report("gap")
    abuse.report("flood")
    put(box, RECORD)
    assert (box.qsize(), abuse.reason) == (0, "gap")


@pytest.mark.asyncio
async def test_others_run_between_two_datagrams_that_wait() -> None:
    box, turns = inbox(), 0
    put(box, *[RECORD] * 50)

    async def count() -> None:
        nonlocal turns
        while box.qsize():
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    while box.qsize():
        await box.get()
    await counting
    assert turns >= 49


@pytest.mark.asyncio
async def test_a_reader_that_used_its_share_sleeps_until_it_has_paid() -> None:
    share = ProcessorShare()
    used_s, started_s = 0.0, time.monotonic()
    while used_s < 2 * BURST_S:
        share.begin()
        began_s = time.thread_time()
        while time.thread_time() - began_s < 0.01:
            pass
        await share.pause()
        used_s += time.thread_time() - began_s
    assert time.monotonic() - started_s > (used_s - BURST_S) / SHARE * 0.8


async def guarded() -> tuple[aioice.ice.Connection, GuardedProtocol]:
    rtc_hooks.datagrams.guard_sockets()
    rtc_hooks.gather_only(["127.0.0.1"])
    connection = aioice.ice.Connection(ice_controlling=False)
    connection._queue = inbox()
    await connection.gather_candidates()
    [protocol] = connection._protocols
    assert isinstance(protocol, GuardedProtocol)
    return connection, protocol


@pytest.mark.asyncio
async def test_before_nomination_a_strangers_data_does_not_pile_up() -> None:
    connection, protocol = await guarded()
    for _ in range(500):
        protocol.datagram_received(HANDSHAKE * 1000, ("127.0.0.1", 5000))
    assert connection._queue.qsize() == 0
    await connection.close()


@pytest.mark.asyncio
async def test_a_candidate_of_the_peer_is_heard() -> None:
    connection, protocol = await guarded()
    remote = aioice.Candidate.from_sdp("1 1 udp 1 127.0.0.1 5000 typ host")
    await connection.add_remote_candidate(remote)
    for port in (5000, 5001):
        protocol.datagram_received(RECORD, ("127.0.0.1", port))
    for size in (0, 1501):
        protocol.datagram_received(RECORD * size, ("127.0.0.1", 5000))
    assert connection._queue.qsize() == 1
    await connection.close()


def check(connection: aioice.ice.Connection, password: str) -> bytes:
    """Returns a connectivity check as the peer sends."""
    message = aioice.stun.Message(
        message_method=aioice.stun.Method.BINDING, message_class=aioice.stun.Class.REQUEST
    )
    message.attributes["USERNAME"] = f"{connection.local_username}:peer"
    message.attributes["PRIORITY"] = 1
    message.attributes["ICE-CONTROLLING"] = 1
    message.add_message_integrity(password.encode())
    return bytes(message)


@pytest.mark.asyncio
@pytest.mark.parametrize("is_right", [True, False])
async def test_an_address_is_learned_from_a_verified_check_only(is_right: bool) -> None:
    connection, protocol = await guarded()
    connection.remote_username, connection.remote_password = "peer", "p" * 22
    connecting = asyncio.create_task(connection.connect())
    await asyncio.sleep(0)
    password = connection.local_password if is_right else "q" * 22
    protocol.datagram_received(check(connection, password), ("127.0.0.1", 5000))
    protocol.datagram_received(RECORD, ("127.0.0.1", 5000))
    assert connection._queue.qsize() == is_right
    connecting.cancel()
    await connection.close()


@pytest.mark.asyncio
async def test_checks_are_answered_at_a_bounded_rate_and_learn_so_many_addresses() -> None:
    connection, protocol = await guarded()
    connection.remote_username, connection.remote_password = "peer", "p" * 22
    connecting = asyncio.create_task(connection.connect())
    await asyncio.sleep(0)
    body = check(connection, connection.local_password)
    for port in range(5000, 6000):
        protocol.datagram_received(body, ("127.0.0.1", port))
    assert len(connection._remote_candidates) <= BURST_CHECKS + 2
    assert BURST_CHECKS < MAX_REMOTE_CANDIDATES
    connecting.cancel()
    await connection.close()


@pytest.mark.asyncio
async def test_checks_of_strangers_do_not_use_up_what_a_hidden_peer_needs() -> None:
    """The server learns a browser with hidden addresses from the browser's own check."""
    connection, protocol = await guarded()
    connection.remote_username, connection.remote_password = "peer", "p" * 22
    connecting = asyncio.create_task(connection.connect())
    await asyncio.sleep(0)
    body = check(connection, connection.local_password)
    foreign = body.replace(f"{connection.local_username}:".encode(), b"????:")
    for port in range(6000, 6500):
        for datagram in (foreign, b"\x00\x01" + bytes(30), b"\x01\x01" + bytes(30), b"\x00"):
            protocol.datagram_received(datagram, ("127.0.0.2", port))
    protocol.datagram_received(body, ("127.0.0.1", 5000))
    assert [one.port for one in connection._remote_candidates] == [5000]
    connecting.cancel()
    await connection.close()


@pytest.mark.asyncio
async def test_no_check_of_a_stranger_breaks_the_socket() -> None:
    connection, protocol = await guarded()
    port = connection.local_candidates[0].port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for kind in range(0x40):
            body = pack("!HH", kind, 1) + os.urandom(4)
            head = pack("!HHL", 1, len(body), 0x2112A442) + os.urandom(12)
            stranger.sendto(head + body, ("127.0.0.1", port))
        await asyncio.sleep(0.05)
    assert not protocol.transport.is_closing()
    assert connection._queue.qsize() == 0
    await connection.close()


def sctp(kind: int, body: bytes, *, length: int | None = None) -> bytes:
    head = pack("!BBH", kind, 0, 4 + len(body) if length is None else length)
    return bytes(12) + head + body


@pytest.mark.parametrize(
    ("packet", "error"),
    [
        (sctp(0, bytes(13)), ""),
        (sctp(0, bytes(12)), "malformed"),
        (sctp(0, bytes(13), length=3), "malformed"),
        (sctp(0, bytes(13), length=99), "malformed"),
        (bytes(12), "malformed"),
        (sctp(4, pack("!HH", 1, 4)), ""),
        (sctp(4, pack("!HH", 1, 0)), "malformed"),  # holds aiortc's parser for ever
        (sctp(4, pack("!HH", 1, 4) * 9), "params"),
        (sctp(1, bytes(16) + pack("!HH", 1, 0)), "malformed"),
        (sctp(130, pack("!HHLLL", 13, 16, 1, 1, 1) * 2), ""),
        (sctp(130, pack("!HHLLL", 13, 16, 1, 1, 1) * 3), "params"),
        (sctp(3, pack("!LLHHHH", 1, 1, 1, 0, 1, 4096)), ""),
        (sctp(3, pack("!LLHHHH", 1, 1, 1, 0, 1, 4097)), "acknowledged"),
        (sctp(3, pack("!LLHHHH", 1, 1, 1, 0, 2, 1)), "malformed"),
        (sctp(3, pack("!LLHH", 1, 1, 1, 0)), "malformed"),
        (sctp(192, bytes(4 + 4 * 16)), ""),
        (sctp(192, bytes(4 + 4 * 17)), "streams"),
        (bytes(12) + pack("!BBH", 11, 0, 4) * 97, "chunks"),
    ],
)
def test_an_sctp_packet_is_what_a_browser_could_send(packet: bytes, error: str) -> None:
    assert packet_error(packet) == error


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader_of_sctp_packets(body: bytes) -> None:
    assert isinstance(packet_error(bytes(12) + body), str)
