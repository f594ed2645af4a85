"""Rules of a session hub without a network: admitted peers, and a failing Redis."""

import asyncio
from dataclasses import replace
from secrets import token_hex
from typing import Any, cast

import pytest
from aiortc import RTCConfiguration

from services.backplane import player_lock as backplane
from services.backplane.connection import BackplaneError
from services.backplane.queue_positions import QueuePositions
from services.backplane.sessions import LEASE_MS, SessionStore
from services.ingest.action_gate import ActionVerdict
from services.ingest.session_hub import GONE_S, SessionHub
from services.ingest.webrtc.offer import CandidateRule, Offer, read_offer
from services.ingest.webrtc.peer import CloseReason, Peer
from services.wire.action import Action
from services.wire.session import RECORD_GONE, SessionRecord, SessionStatus
from tests.services.ingest.ingest_kit import browser

pytestmark = pytest.mark.asyncio

RECORD = SessionRecord(
    session_id="s1", status=SessionStatus.QUEUED, world="toy", start=0, seed=1, created_at_ms=0
)


class Store:
    """A store of session records with a simulated outage."""

    def __init__(self) -> None:
        self.is_away = False
        self.is_full = False
        self.record: SessionRecord | None = RECORD
        self.num_asked = 0

    async def get(self, session_id: str) -> SessionRecord | None:
        self.num_asked += 1
        if self.is_away:
            raise BackplaneError("away")
        return self.record

    async def wake(self, session_id: str) -> bool:
        return not self.is_full

    async def mark_seen(self, session_id: str, *, is_connected: bool = False) -> None: ...


class Queue:
    """The queue of the session's world."""

    async def position(self, session_id: str) -> int:
        return 0

    async def length(self, world: str) -> int:
        return {RECORD.world: 7}[world]


class FakePlayerLock:
    """One lock."""

    def __init__(self) -> None:
        self.holder = ""
        self.silent_s = 0.0

    async def renew(self, session_id: str, peer_id: str, *, silent_s: float) -> bool:
        self.silent_s = silent_s
        return peer_id == self.holder

    async def release(self, session_id: str, peer_id: str, *, silent_s: float = 0.0) -> bool:
        if peer_id != self.holder:
            return False
        self.holder = ""
        self.silent_s = silent_s
        return True


class NoActions:
    async def append(self, replica_id: str, session_id: str, action: bytes) -> None: ...


class HubHarness:
    """A hub and peers with one clock."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.store, self.player_lock = Store(), FakePlayerLock()
        self.hub = SessionHub(
            RECORD,
            store=cast(SessionStore, self.store),
            queue=cast(QueuePositions, Queue()),
            player_lock=cast(backplane.PlayerLock, self.player_lock),
            actions=NoActions(),
            clock=self._clock,
        )

    async def peer(self, *, plays: bool = True) -> Peer:
        rtc = RTCConfiguration(iceServers=[])
        one = await offer(plays=plays)
        return Peer(token_hex(4), one, self.hub, rtc, clock=self._clock)

    async def sit(self) -> Peer:
        """Admits a player with the player lock."""
        peer = await self.peer()
        self.player_lock.holder = peer.id
        await self.hub.peers.admit(peer)
        return peer

    def _clock(self) -> float:
        return self.now_s


async def offer(*, plays: bool) -> Offer:
    async with browser(plays=plays) as one:
        rule = CandidateRule(private=True, loopback=True)
        return read_offer((await one.offer()).encode(), rule)


async def test_who_takes_the_player_lock_replaces_who_was_there() -> None:
    harness = HubHarness()
    first, second = await harness.peer(), await harness.peer()
    for peer in (first, second):
        await harness.hub.peers.admit(peer)
    assert harness.hub.peers.player is second and len(harness.hub.peers) == 1


async def test_a_player_whose_lock_went_to_somebody_at_another_ingest_process_must_go() -> None:
    harness = HubHarness()
    player, watcher = await harness.peer(), await harness.peer(plays=False)
    for peer in (player, watcher):
        await harness.hub.peers.admit(peer)
    harness.player_lock.holder = "elsewhere"
    await harness.hub.peers.renew_player_lock()
    assert list(harness.hub.peers) == [watcher]


async def test_a_player_says_how_long_it_was_silent_and_releases_the_lock() -> None:
    harness = HubHarness()
    player = await harness.sit()
    harness.now_s += 2
    await harness.hub.peers.renew_player_lock()
    assert harness.player_lock.silent_s == 2
    await harness.hub.peers.dismiss(player, CloseReason.SILENT)
    assert (harness.player_lock.holder, harness.player_lock.silent_s) == ("", 2)


async def test_a_watcher_needs_no_player_lock() -> None:
    harness = HubHarness()
    await harness.sit()
    await harness.hub.peers.admit(await harness.peer(plays=False))
    assert len(harness.hub.peers) == 2


async def test_a_session_hub_closes_behind_the_last_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.ingest.session_hub.TICK_S", 0)
    harness = HubHarness()
    peer = await harness.sit()
    running = asyncio.create_task(harness.hub.run())
    await asyncio.sleep(0)
    assert harness.hub.is_open
    await harness.hub.peers.dismiss(peer)
    await asyncio.wait_for(running, 1)
    assert not harness.hub.is_open


async def test_a_session_hub_outlives_a_redis_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.ingest.session_hub.TICK_S", 0)
    harness = HubHarness()
    harness.store.is_away = True
    peer = await harness.sit()
    running = asyncio.create_task(harness.hub.run())
    for _ in range(100):
        await asyncio.sleep(0)  # the hub ticks
    assert harness.store.num_asked > 5
    assert harness.hub.is_open
    await harness.hub.peers.dismiss(peer)
    await asyncio.wait_for(running, 1)


class BrokenStream:
    async def append(self, replica_id: str, session_id: str, action: bytes) -> None:
        raise TypeError("a fault of ours")


async def no_record(record: SessionRecord) -> None:
    """Keeps the owner."""


async def test_a_session_hub_whose_actions_go_nowhere_fails_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """cases/security.md, LOW: actions stopped silently; with a failing peer the link leaked too."""
    monkeypatch.setattr("services.ingest.session_hub.TICK_S", 0)
    harness = HubHarness()
    harness.hub._gate._stream = BrokenStream()
    harness.hub._gate.replica_id = "r"
    monkeypatch.setattr(harness.hub, "_follow", no_record)
    failing, other = await harness.sit(), await harness.peer(plays=False)
    await harness.hub.peers.admit(other)

    async def fail() -> None:
        raise ValueError("cannot close")

    monkeypatch.setattr(failing, "close", fail)
    running = asyncio.create_task(harness.hub.run())
    await asyncio.sleep(0.05)
    assert harness.hub.take_action(Action(seq=1).to_bytes()) is ActionVerdict.TAKEN
    with pytest.raises(ValueError, match="cannot close") as raised:
        await asyncio.wait_for(running, 3)
    assert isinstance(raised.value.__context__, TypeError)
    assert not harness.hub.is_open and len(harness.hub.peers) == 0
    assert harness.hub._link.is_broken


async def test_a_world_that_no_line_takes_waits_behind_it() -> None:
    harness = HubHarness()
    harness.store.record = replace(RECORD, status=SessionStatus.PAUSED)
    player = await harness.sit()
    running = asyncio.create_task(harness.hub.run())
    for is_full, shown in ((True, {"position": 7}), (False, {})):
        harness.store.is_full = is_full
        harness.now_s += 2
        await asyncio.sleep(0.6)
        assert harness.hub._shown.items() >= shown.items()
    await harness.hub.peers.dismiss(player)
    await running


async def test_the_player_is_warned_before_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = HubHarness()
    live = replace(RECORD, status=SessionStatus.LIVE, frame_address="127.0.0.1:9")
    harness.store.record = replace(live, ends_at_ms=40_000, lease_until_ms=LEASE_MS + 10_000)
    player = await harness.sit()
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    monkeypatch.setattr(harness.hub.peers, "broadcast", told.put_nowait)
    running = asyncio.create_task(harness.hub.run())
    async with asyncio.timeout(10):
        while (message := await told.get())["type"] != "ending_soon":
            pass
    assert message["seconds"] == 30
    await harness.hub.peers.dismiss(player)
    await running


async def test_a_record_that_is_gone_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A restarted Redis without data: the owner writes the record again within a second or two."""
    harness = HubHarness()
    player = await harness.sit()
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(harness.hub.peers, "broadcast", told.append)
    for record, passes_s in ((None, 0.0), (None, GONE_S), (RECORD, 1.0), (None, 1.0)):
        harness.store.record = record
        harness.now_s += passes_s
        await harness.hub._follow(record)
    assert not any(message["type"] == "ending" for message in told)
    harness.now_s += GONE_S + 0.1
    await harness.hub._follow(None)
    assert told[-1] == {"type": "ending", "reason": RECORD_GONE}
    await harness.hub.peers.dismiss(player)
