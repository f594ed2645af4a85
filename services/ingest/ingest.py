"""State of one ingest process: settings, Redis client, and one hub per session with local peers."""

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import Self

from aiortc import RTCConfiguration, RTCIceServer

from services.backplane.actions import ActionWriter
from services.backplane.connection import connect
from services.backplane.player_lock import PlayerLock
from services.backplane.queue_positions import QueuePositions
from services.backplane.rate_limit import RateLimit
from services.backplane.redis_probe import RedisProbe
from services.backplane.sessions import SessionStore
from services.ingest.session_hub import SessionHub
from services.ingest.settings import IngestSettings
from services.ingest.webrtc import rtc_hooks
from services.ingest.webrtc.offer import CandidateRule
from services.ingest.webrtc.peer import CloseReason, Peer
from services.ingest.webrtc.places import Place, PlaceLimits, full, make_place
from services.tokens import Tokens
from services.turn import turn_login
from services.wire.session import SessionRecord

TURN_S = 24 * 3600.0  # no session is longer

log = logging.getLogger(__name__)


class Ingest:
    """Owns the hubs and the tasks of the hubs; an async context manager."""

    def __init__(self, settings: IngestSettings) -> None:
        self.settings = settings
        self.tokens = Tokens(settings.token_secret)
        self._redis = connect(settings.redis)
        self._probe = RedisProbe(self._redis)
        self.store = SessionStore(self._redis)
        self._queue = QueuePositions(self.store)
        self.player_lock = PlayerLock(self._redis)
        self.offers = RateLimit(self._redis, "offer", max_per_minute=settings.offers_per_minute)
        self.candidate_rule = CandidateRule(
            private=settings.private_candidates,
            loopback=any(one.startswith(("127.", "::1")) for one in settings.ice_address),
        )
        self._place_limits = PlaceLimits(
            max_peers=settings.max_peers,
            session_watchers=settings.watchers_per_session,
            address_watchers=settings.watchers_per_address,
            session_half_open=settings.half_open_per_session,
            address_half_open=settings.half_open_per_address,
        )
        self._actions = ActionWriter(self._redis)
        self._hubs: dict[str, SessionHub] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def rtc_for(self, session_id: str) -> RTCConfiguration:
        """With logins for TURN servers that are the session's own."""
        return RTCConfiguration(iceServers=ice_servers(self.settings, session_id))

    async def __aenter__(self) -> Self:
        if self.settings.ice_address:
            rtc_hooks.gather_only(self.settings.ice_address)
        return self

    async def __aexit__(self, *_: object) -> None:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._redis.aclose)
            stack.push_async_callback(self._actions.aclose)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def why_not_ready(self) -> str:
        return await self._probe.why_not_ready()

    def find(self, session_id: str) -> SessionHub | None:
        return self._hubs.get(session_id)

    def peer(self, session_id: str, peer_id: str) -> Peer | None:
        hub = self.find(session_id)
        return hub.peers.get(peer_id) if hub else None

    def hub(self, record: SessionRecord) -> SessionHub:
        """Returns the session's hub, created for the first peer. The caller must add a peer before
        the next await, because an empty hub closes."""
        hub = self._hubs.get(record.session_id)
        if hub is None or not hub.is_open:
            hub = SessionHub(
                record,
                store=self.store,
                queue=self._queue,
                player_lock=self.player_lock,
                actions=self._actions,
            )
            self._hubs[record.session_id] = hub
            task = asyncio.create_task(self._run(hub))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return hub

    def make_place(self, newcomer: Place) -> list[Place]:
        """Returns the places to close in favour of `newcomer`; closes none. Raises Problem without
        a free place."""
        return make_place(
            newcomer, self._held(), num_sockets=self._num_sockets(), limits=self._place_limits
        )

    async def admit(self, hub: SessionHub, peer: Peer) -> None:
        """Adds the peer and closes displaced peers. Raises Problem as `make_place` does, since
        other peers may have come since the first check."""
        going = self.make_place(_place(hub, peer))
        await hub.peers.admit(peer)
        for place in going:
            its_hub, its_peer = (
                self.find(place.session_id),
                self.peer(place.session_id, place.peer_id),
            )
            if its_hub is not None and its_peer is not None:
                await its_hub.peers.dismiss(its_peer, CloseReason.DISPLACED)

    def check_socket(self, session_id: str) -> None:
        """Raises Problem 503 if no place is free for a player without a peer."""
        hub = self.find(session_id)
        if hub is not None and (hub.has_socket or hub.peers.player is not None):
            return
        if len(self._held()) + self._num_sockets() >= self.settings.max_peers:
            raise full()

    def _held(self) -> list[Place]:
        return [_place(hub, peer) for hub in self._hubs.values() for peer in hub.peers]

    def _num_sockets(self) -> int:
        """Of players that have no peer."""
        return sum(r.has_socket and r.peers.player is None for r in self._hubs.values())

    async def _run(self, hub: SessionHub) -> None:
        try:
            await hub.run()
        except Exception:
            log.exception("hub failed", extra={"session_id": hub.session_id})
        finally:
            if self._hubs.get(hub.session_id) is hub:
                del self._hubs[hub.session_id]


def _place(hub: SessionHub, peer: Peer) -> Place:
    return Place(
        peer_id=peer.id,
        session_id=hub.session_id,
        caller=peer.caller,
        is_player=peer.is_player,
        is_half_open=peer.is_half_open,
        since_s=peer.created_s,
    )


def ice_servers(settings: IngestSettings, session_id: str) -> list[RTCIceServer]:
    username, credential = settings.ice_username, settings.ice_credential
    if settings.ice_secret:
        username, credential = turn_login(settings.ice_secret, session_id, lasts_s=TURN_S)
    return [
        RTCIceServer(urls=url, username=username or None, credential=credential or None)
        for url in settings.ice_servers
    ]
