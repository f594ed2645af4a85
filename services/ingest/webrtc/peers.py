"""The peers of one session in one ingest process: the player and the watchers.

Knows neither the session's record nor its frames' origin.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from services.backplane.connection import BackplaneError
from services.backplane.player_lock import PlayerLock
from services.ingest.metrics import CUT_OFF, PEERS
from services.ingest.webrtc.peer import CloseReason, Peer
from services.wire.codec import VideoCodec
from services.wire.frame import EncodedFrame

log = logging.getLogger(__name__)


class Peers:
    """Owns the peers from `admit` to `dismiss`. At most one peer is the player: the holder of the
    player lock."""

    def __init__(
        self,
        session_id: str,
        player_lock: PlayerLock,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session_id = session_id
        self._player_lock = player_lock
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
        """Registers a new peer; a player must hold the player lock before."""
        before = self.player if peer.is_player else None
        self._peers[peer.id] = peer
        PEERS.add(1, _kind(peer))
        if before is not None:
            await self.dismiss(before, CloseReason.LOCK_LOST)

    async def dismiss(self, peer: Peer, reason: CloseReason = CloseReason.GONE) -> None:
        """Closes an admitted peer and releases the player lock. Idempotent."""
        if self._peers.pop(peer.id, None) is None:
            return
        PEERS.add(-1, _kind(peer))
        CUT_OFF.add(1, {"fault": reason.value})
        log.info("peer closed", extra={"session_id": self._session_id, "fault": reason.value})
        if peer.is_player:
            with suppress(BackplaneError):  # a player lock that cannot be given back is soon silent
                silent_s = self._clock() - peer.channels.last_message_s
                is_silent = reason is CloseReason.SILENT
                await self._player_lock.release(
                    self._session_id, peer.id, silent_s=silent_s if is_silent else 0.0
                )
        await peer.close()

    async def dismiss_failed(self) -> None:
        for peer in self:
            if reason := peer.close_reason():
                await self.dismiss(peer, reason)

    async def dismiss_watchers_without(self, codec: VideoCodec) -> None:
        for peer in self:
            if not peer.is_player and peer.codec is not codec:
                await self.dismiss(peer, CloseReason.CODEC)

    async def dismiss_all(self) -> None:
        """Dismisses all peers, then raises the first error."""
        outcomes = await asyncio.gather(*map(self.dismiss, self), return_exceptions=True)
        for error in filter(None, outcomes):
            raise error

    async def renew_player_lock(self) -> None:
        """Renews the player's lease; a player without the lock is dismissed."""
        player = self.player
        if player is None:
            return
        silent_s = self._clock() - player.channels.last_message_s
        if not await self._player_lock.renew(self._session_id, player.id, silent_s=silent_s):
            await self.dismiss(player, CloseReason.LOCK_LOST)

    def broadcast(self, message: dict[str, Any]) -> None:
        for peer in self:
            peer.send(message)

    def show(self, status: dict[str, Any]) -> None:
        for peer in self:
            peer.show(status)

    def put(self, frame: EncodedFrame) -> None:
        for peer in self:
            if peer.is_connected:
                peer.track.put(frame)


def _kind(peer: Peer) -> dict[str, str]:
    return {"kind": "player" if peer.is_player else "watcher"}
