"""Attacks over the attacker's own WebRTC connections, after a normal handshake."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription

from loadtest.drills.attack_context import ApiClient, AttackContext, AttackSession
from loadtest.drills.attacks.rtc_hooks import (
    BEGINNING,
    WHOLE,
    send_messages,
    send_nack,
    skip_a_tsn,
)
from loadtest.rtc_hooks import skip_decoding, watch_packets
from services.wire.action import Action

NACKS = "NACK packets"
SCTP = "SCTP gaps and fragments"
ACTIONS = "actions (data channel)"
WATCHERS = "watchers"
CONNECT_TIMEOUT_S = 8.0
POLL_S = 0.05
OFFER_EVERY_S = 2.5  # a session may offer 30 times a minute
CHUNKS_PER_PACKET = 50
PACKETS_PER_S = 60
ACTIONS_PER_PACKET = 25
UNKNOWN_STREAM = 1001


class AttackPeer:
    """One connection: with data channels a player's, without a watcher's."""

    def __init__(self, *, plays: bool) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        video = self.connection.addTransceiver("video", direction="recvonly")
        known = RTCRtpReceiver.getCapabilities("video")
        assert known is not None
        video.setCodecPreferences([c for c in known.codecs if c.name in {"H264", "rtx"}])
        self.receiver = video.receiver
        self.num_packets = 0
        skip_decoding(self.receiver)
        watch_packets(self.receiver, self._on_packet)
        self._control = None
        if plays:
            self.input = self.connection.createDataChannel("input", ordered=False, maxRetransmits=0)
            self._control = self.connection.createDataChannel("control")

    def _on_packet(self, rtp_timestamp: int, num_bytes: int, at: float) -> None:
        self.num_packets += 1

    @property
    def is_connected(self) -> bool:
        return self.connection.connectionState == "connected"

    async def connect(self, api: ApiClient, session: AttackSession, attack: str) -> bool:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        answer = await api.offer(attack, session, self.connection.localDescription.sdp)
        if answer is None or answer.is_error:
            return False
        await self.connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        for _ in range(round(CONNECT_TIMEOUT_S / POLL_S)):
            if self._is_open:
                return True
            await asyncio.sleep(POLL_S)
        return False

    @property
    def _is_open(self) -> bool:
        """Connected, and its channels too, if it has any."""
        channel = self._control
        return self.is_connected and (channel is None or channel.readyState == "open")

    async def beat(self) -> None:
        """Sends a heartbeat each second, as the page does, until cancelled."""
        while True:
            if self._control is not None and self._control.readyState == "open":
                self._control.send('{"type":"heartbeat"}')
            await asyncio.sleep(1.0)


@asynccontextmanager
async def misbehaving(
    context: AttackContext, session: AttackSession, attack: str
) -> AsyncIterator[AttackPeer]:
    """Yields a connected player's peer and closes the peer at the end. Raises ConnectionError
    without a connection or after a cut-off."""
    peer = AttackPeer(plays=True)
    try:
        if not await peer.connect(context.api, session, attack):
            raise ConnectionError("no connection")
        context.tally.add(attack, "connected")
        beating = asyncio.create_task(peer.beat())
        try:
            yield peer
        finally:
            beating.cancel()
    finally:
        await peer.connection.close()


async def break_sctp(context: AttackContext, session: AttackSession) -> None:
    """Alternates two attacks until cut off: a gap with whole messages behind, and beginnings of
    endless messages."""
    is_gap = True
    async for _ in context.ticks(1 / OFFER_EVERY_S):
        try:
            async with misbehaving(context, session, SCTP) as peer:
                await _flood_sctp(context, peer, is_gap=is_gap)
        except ConnectionError:
            context.tally.add(SCTP, "ended")
        is_gap = not is_gap


async def _flood_sctp(context: AttackContext, peer: AttackPeer, *, is_gap: bool) -> None:
    sctp = peer.connection.sctp
    assert sctp is not None
    if is_gap:
        skip_a_tsn(sctp)
    messages = [b"x"] * CHUNKS_PER_PACKET
    flags = WHOLE if is_gap else BEGINNING
    async for _ in context.ticks(PACKETS_PER_S):
        if not peer.is_connected:
            raise ConnectionError("cut off")
        await send_messages(sctp, UNKNOWN_STREAM, messages, flags=flags)
        context.tally.add(SCTP, "gap packets" if is_gap else "fragment packets")


async def flood_actions(context: AttackContext, session: AttackSession) -> None:
    """Sends half of the actions until cut off, then connects again."""
    seq = 0
    async for _ in context.ticks(1 / OFFER_EVERY_S):
        try:
            async with misbehaving(context, session, ACTIONS) as peer:
                sctp, stream_id = peer.connection.sctp, peer.input.id
                assert sctp is not None and stream_id is not None
                async for _ in context.ticks(context.rates.actions_per_s / 2 / ACTIONS_PER_PACKET):
                    if not peer.is_connected:
                        raise ConnectionError("cut off")
                    messages = actions(seq + 1, ACTIONS_PER_PACKET)
                    await send_messages(sctp, stream_id, messages)
                    seq += ACTIONS_PER_PACKET
                    context.tally.add(ACTIONS, "sent", ACTIONS_PER_PACKET)
        except ConnectionError:
            context.tally.add(ACTIONS, "ended")


def actions(first_seq: int, count: int) -> list[bytes]:
    now_ms = time.time() * 1000
    return [
        Action(seq=seq, held=seq & 1, sent_at_ms=now_ms).to_bytes()
        for seq in range(first_seq, first_seq + count)
    ]


async def send_nacks(context: AttackContext, honest_player: AttackPeer) -> None:
    """Sends one second's packets at once, each second."""
    async for _ in context.ticks(1.0):
        try:
            for _ in range(context.rates.nacks_per_s):
                if await send_nack(honest_player.receiver):
                    context.tally.add(NACKS, "sent")
        except ConnectionError:
            context.tally.add(NACKS, "ended")
            return


async def bring_watchers(context: AttackContext, sessions: tuple[AttackSession, ...]) -> None:
    """Opens watchers; admitted watchers stay until the end of the attack."""
    coming: list[asyncio.Task[None]] = []
    async for _ in context.ticks(context.rates.watchers_per_s):
        if len(coming) < context.rates.watchers:
            session = sessions[len(coming) % len(sessions)]
            coming.append(asyncio.create_task(_watch(context, session)))
    await asyncio.gather(*coming)


async def _watch(context: AttackContext, session: AttackSession) -> None:
    watcher = AttackPeer(plays=False)
    try:
        if await watcher.connect(context.api, session, WATCHERS):
            context.tally.add(WATCHERS, "watching")
            await asyncio.sleep(context.until - time.monotonic())
    finally:
        await watcher.connection.close()
