"""Rules of a room that need no network: who gets the seat, and what a failing Redis may do."""

import asyncio
from typing import cast

import pytest
from aiortc import RTCConfiguration

from services.backplane.connection import BackplaneError
from services.backplane.sessions import SessionStore
from services.ingest.offer import CandidateRule, Offer, read_offer
from services.ingest.peer import Peer
from services.ingest.room import SEAT_PATIENCE_S, Room
from services.telemetry import Problem
from services.wire.session import SessionRecord, SessionStatus
from tests.services.edge_kit import browser

pytestmark = pytest.mark.asyncio

RECORD = SessionRecord(
    session_id="s1", status=SessionStatus.QUEUED, world="toy", start=0, seed=1, created_at_ms=0
)


class Store:
    """Session records that can be away."""

    def __init__(self) -> None:
        self.is_away = False
        self.num_asked = 0

    async def get(self, session_id: str) -> SessionRecord:
        self.num_asked += 1
        if self.is_away:
            raise BackplaneError("away")
        return RECORD

    async def position(self, session_id: str) -> int:
        return 0

    async def mark_seen(self, session_id: str) -> None: ...


class Stream:
    async def append(self, replica_id: str, session_id: str, action: bytes) -> None: ...


class House:
    """A room and peers under one clock."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.store = Store()
        self.room = Room(
            RECORD, store=cast(SessionStore, self.store), actions=Stream(), clock=self._clock
        )

    async def peer(self, *, plays: bool = True) -> Peer:
        rtc = RTCConfiguration(iceServers=[])
        return Peer(await offer(plays=plays), self.room, rtc, clock=self._clock)

    def _clock(self) -> float:
        return self.now_s


async def offer(*, plays: bool) -> Offer:
    async with browser(plays=plays) as one:
        rule = CandidateRule(private=True, loopback=True)
        return read_offer((await one.offer()).encode(), rule)


async def test_a_player_who_is_there_keeps_the_seat() -> None:
    house = House()
    await house.room.admit(await house.peer())
    house.now_s += SEAT_PATIENCE_S - 1
    second = await house.peer()
    with pytest.raises(Problem) as refused:
        await house.room.admit(second)
    assert refused.value.status == 409
    assert second.id not in house.room.peers


async def test_a_player_who_fell_silent_loses_the_seat_to_the_next() -> None:
    house = House()
    first, second = await house.peer(), await house.peer()
    await house.room.admit(first)
    house.now_s += SEAT_PATIENCE_S + 1
    second.channels.heard_s = house.now_s
    await house.room.admit(second)
    assert list(house.room.peers) == [second.id]


async def test_a_watcher_needs_no_seat() -> None:
    house = House()
    await house.room.admit(await house.peer())
    await house.room.admit(await house.peer(plays=False))
    assert len(house.room.peers) == 2


async def test_a_room_closes_behind_the_last_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.ingest.room.TICK_S", 0)
    house = House()
    peer = await house.peer()
    await house.room.admit(peer)
    running = asyncio.create_task(house.room.run())
    await asyncio.sleep(0)
    assert house.room.is_open
    await house.room.dismiss(peer)
    await asyncio.wait_for(running, 1)
    assert not house.room.is_open


async def test_a_room_outlives_a_redis_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.ingest.room.TICK_S", 0)
    house = House()
    house.store.is_away = True
    peer = await house.peer()
    await house.room.admit(peer)
    running = asyncio.create_task(house.room.run())
    for _ in range(100):
        await asyncio.sleep(0)  # the room ticks
    assert house.store.num_asked > 5
    assert house.room.is_open
    await house.room.dismiss(peer)
    await asyncio.wait_for(running, 1)
