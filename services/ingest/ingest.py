"""What one ingest process holds: its settings, the way to Redis, and a room for each session that
somebody here plays or watches."""

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import Self

from aiortc import RTCConfiguration, RTCIceServer

from services.backplane.actions import ActionWriter
from services.backplane.connection import connect
from services.backplane.probe import Probe
from services.backplane.queue_positions import QueuePositions
from services.backplane.rates import RateLimit
from services.backplane.seats import Seats
from services.backplane.sessions import SessionStore
from services.ingest.room import Room
from services.ingest.settings import IngestSettings
from services.ingest.webrtc import rtc_hooks
from services.ingest.webrtc.offer import CandidateRule
from services.ingest.webrtc.peer import Fault, Peer
from services.ingest.webrtc.places import Place, PlaceLimits, full, make_place
from services.tokens import Tokens
from services.wire.session import SessionRecord

log = logging.getLogger(__name__)


class Ingest:
    """Owns the rooms and their tasks; an async context that closes them."""

    def __init__(self, settings: IngestSettings) -> None:
        self.settings = settings
        self.tokens = Tokens(settings.token_secret)
        self._redis = connect(settings.redis)
        self._probe = Probe(self._redis)
        self.store = SessionStore(self._redis)
        self._queue = QueuePositions(self.store)
        self.seats = Seats(self._redis)
        self.offers = RateLimit(self._redis, "offer", max_per_minute=settings.offers_per_minute)
        self.candidate_rule = CandidateRule(
            private=settings.private_candidates,
            loopback=any(one.startswith(("127.", "::1")) for one in settings.ice_address),
        )
        self.rtc = RTCConfiguration(iceServers=ice_servers(settings))
        self._place_limits = PlaceLimits(
            max_peers=settings.max_peers,
            session_watchers=settings.watchers_per_session,
            address_watchers=settings.watchers_per_address,
            session_half_open=settings.half_open_per_session,
            address_half_open=settings.half_open_per_address,
        )
        self._actions = ActionWriter(self._redis)
        self._rooms: dict[str, Room] = {}
        self._tasks: set[asyncio.Task[None]] = set()

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

    def find(self, session_id: str) -> Room | None:
        return self._rooms.get(session_id)

    def peer(self, session_id: str, peer_id: str) -> Peer | None:
        room = self.find(session_id)
        return room.peers.get(peer_id) if room else None

    def room(self, record: SessionRecord) -> Room:
        """The session's room, opened for the first who comes. Whoever asks must enter before the
        next await: an empty room closes."""
        room = self._rooms.get(record.session_id)
        if room is None or not room.is_open:
            room = Room(
                record,
                store=self.store,
                queue=self._queue,
                seats=self.seats,
                actions=self._actions,
            )
            self._rooms[record.session_id] = room
            task = asyncio.create_task(self._run(room))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return room

    def make_place(self, newcomer: Place) -> list[Place]:
        """Whose places it gets; nobody has gone yet. Raises Problem when it gets none."""
        return make_place(
            newcomer, self._held(), num_sockets=self._num_sockets(), limits=self._place_limits
        )

    async def admit(self, room: Room, peer: Peer) -> None:
        """Raises Problem, as `make_place` does: others may have come since it was asked."""
        going = self.make_place(_place(room, peer))
        await room.peers.admit(peer)
        for place in going:
            its_room, its_peer = (
                self.find(place.session_id),
                self.peer(place.session_id, place.peer_id),
            )
            if its_room is not None and its_peer is not None:
                await its_room.peers.dismiss(its_peer, Fault.DISPLACED)

    def check_socket(self, session_id: str) -> None:
        """Raises Problem 503 when a player who comes without a peer finds no place."""
        room = self.find(session_id)
        if room is not None and (room.has_socket or room.peers.player is not None):
            return
        if len(self._held()) + self._num_sockets() >= self.settings.max_peers:
            raise full()

    def _held(self) -> list[Place]:
        return [_place(room, peer) for room in self._rooms.values() for peer in room.peers]

    def _num_sockets(self) -> int:
        """Of players that have no peer."""
        return sum(r.has_socket and r.peers.player is None for r in self._rooms.values())

    async def _run(self, room: Room) -> None:
        try:
            await room.run()
        except Exception:
            log.exception("room failed", extra={"session_id": room.session_id})
        finally:
            if self._rooms.get(room.session_id) is room:
                del self._rooms[room.session_id]


def _place(room: Room, peer: Peer) -> Place:
    return Place(
        peer_id=peer.id,
        session_id=room.session_id,
        address=peer.address,
        is_player=peer.is_player,
        is_half_open=peer.is_half_open,
        since_s=peer.created_s,
    )


def ice_servers(settings: IngestSettings) -> list[RTCIceServer]:
    return [
        RTCIceServer(
            urls=url,
            username=settings.ice_username or None,
            credential=settings.ice_credential or None,
        )
        for url in settings.ice_servers
    ]
