"""The peers of one session at this ingest process: who plays, who watches, and who has the seat.

Knows neither the session's record nor its frames' origin.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from services.backplane.connection import BackplaneError
from services.backplane.seats import Seats
from services.ingest.metrics import CUT_OFF, PEERS
from services.ingest.webrtc.peer import Fault, Peer
from services.wire.codec import VideoCodec
from services.wire.frame import EncodedFrame

log = logging.getLogger(__name__)


class Peers:
    """Owns them from `admit` to `dismiss`. At most one plays: the one that has the seat."""

    def __init__(
        self, session_id: str, seats: Seats, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._session_id = session_id
        self._seats = seats
        self._clock = clock
        self._peers: dict[str, Peer] = {}

    def __len__(self) -> int:
        return len(self._peers)

    def __iter__(self) -> Iterator[Peer]:
        return iter(list(self._peers.values()))  # a copy, for some are dismissed on the way

    def get(self, peer_id: str) -> Peer | None:
        return self._peers.get(peer_id)

    @property
    def player(self) -> Peer | None:
        return next((peer for peer in self if peer.is_player), None)

    async def admit(self, peer: Peer) -> None:
        """Gives a peer its place, the first thing it does. A player has taken the seat by now."""
        before = self.player if peer.is_player else None
        self._peers[peer.id] = peer
        PEERS.add(1, _kind(peer))
        if before is not None:
            await self.dismiss(before, Fault.UNSEATED)

    async def dismiss(self, peer: Peer, fault: Fault = Fault.GONE) -> None:
        """Closes a peer that was admitted and gives its seat back. Idempotent."""
        if self._peers.pop(peer.id, None) is None:
            return
        PEERS.add(-1, _kind(peer))
        CUT_OFF.add(1, {"fault": fault.value})
        log.info("peer closed", extra={"session_id": self._session_id, "fault": fault.value})
        if peer.is_player:
            with suppress(BackplaneError):  # a seat that cannot be given back is soon silent
                silent_s = self._clock() - peer.channels.heard_s
                is_silent = fault is Fault.SILENT
                await self._seats.leave(
                    self._session_id, peer.id, silent_s=silent_s if is_silent else 0.0
                )
        await peer.close()

    async def dismiss_faulty(self) -> None:
        for peer in self:
            if fault := peer.fault():
                await self.dismiss(peer, fault)

    async def dismiss_watchers_without(self, codec: VideoCodec) -> None:
        for peer in self:
            if not peer.is_player and peer.codec is not codec:
                await self.dismiss(peer, Fault.CODEC)

    async def dismiss_all(self) -> None:
        """Raises what the first failing one raised, after all were dismissed."""
        outcomes = await asyncio.gather(*map(self.dismiss, self), return_exceptions=True)
        for error in filter(None, outcomes):
            raise error

    async def keep_seat(self) -> None:
        """The player's sign of life, for all of ingest to see; one that lost the seat must go."""
        player = self.player
        if player is None:
            return
        silent_s = self._clock() - player.channels.heard_s
        if not await self._seats.keep(self._session_id, player.id, silent_s=silent_s):
            await self.dismiss(player, Fault.UNSEATED)

    def say(self, message: dict[str, Any]) -> None:
        for peer in self:
            peer.say(message)

    def show(self, status: dict[str, Any]) -> None:
        for peer in self:
            peer.show(status)

    def put(self, frame: EncodedFrame) -> None:
        for peer in self:
            if peer.is_connected:
                peer.track.put(frame)


def _kind(peer: Peer) -> dict[str, str]:
    return {"kind": "player" if peer.is_player else "watcher"}
