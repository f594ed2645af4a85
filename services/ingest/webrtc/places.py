"""Allocates the peer places of this process and chooses the peers to displace. Rules without I/O.

Players take precedence over watchers, connected peers over half-open peers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.callers import Caller
from services.telemetry import Problem

RETRY_S = 5
WATCH_RETRY_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One peer. `is_half_open`: never connected so far."""

    peer_id: str
    session_id: str
    caller: Caller
    is_player: bool
    is_half_open: bool
    since_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceLimits:
    """`max_peers`: limit of this process, including action sockets without a peer; a quarter is for
    players only. The other limits are per session and per address; an IPv6 network may have as
    much as some of its addresses (`Caller.shares`)."""

    max_peers: int
    session_watchers: int
    address_watchers: int
    session_half_open: int
    address_half_open: int

    @property
    def max_with_watchers(self) -> int:
        return self.max_peers - max(1, self.max_peers // 4)


def make_place(
    newcomer: Place, held: Sequence[Place], *, num_sockets: int, limits: PlaceLimits
) -> list[Place]:
    """Returns the places to close for the newcomer. Raises Problem without a free place."""
    staying = [place for place in held if not _is_replaced(place, newcomer)]
    of_session = [
        place
        for place in _oldest_first([p for p in staying if p.session_id == newcomer.session_id])
        if place.is_half_open
    ]
    going = of_session[: _excess(of_session, limits.session_half_open)]
    for name, multiple in newcomer.caller.shares:
        of_caller = [
            place
            for place in _oldest_first([p for p in staying if _is_from(p, name)])
            if place.is_half_open and place not in going
        ]
        going += of_caller[: _excess(of_caller, multiple * limits.address_half_open)]
    staying = [place for place in staying if place not in going]
    num_taken = len(staying) + num_sockets
    if not newcomer.is_player:
        _check_watcher(newcomer, staying, num_taken, limits)
    elif num_taken >= limits.max_peers:
        going.append(_displaced(staying))
    return going


def full() -> Problem:
    detail = f"All connections here are taken. Try again in {RETRY_S} s."
    return Problem(503, "edge-full", detail, retry_after_s=RETRY_S)


def _is_replaced(place: Place, newcomer: Place) -> bool:
    """A session has one player: the newcomer takes the place of the one before it."""
    return newcomer.is_player and place.is_player and place.session_id == newcomer.session_id


def _is_from(place: Place, name: str) -> bool:
    """`name`: an address or a network."""
    return name in (place.caller.address, place.caller.network)


def _oldest_first(places: Sequence[Place]) -> list[Place]:
    """Watchers before players."""
    return sorted(places, key=lambda p: (p.is_player, p.since_s))


def _excess(places: Sequence[Place], at_most: int) -> int:
    """How many must go so that one more is allowed."""
    return max(0, len(places) - at_most + 1)


def _check_watcher(
    newcomer: Place, staying: Sequence[Place], num_taken: int, limits: PlaceLimits
) -> None:
    watchers = [place for place in staying if not place.is_player]
    num_of_session = sum(place.session_id == newcomer.session_id for place in watchers)
    again = f"Try again in {WATCH_RETRY_S} s."
    if num_of_session >= limits.session_watchers:
        detail = f"{num_of_session} watch this session, which is all it may have. {again}"
        raise Problem(429, "too-many-watchers", detail, retry_after_s=WATCH_RETRY_S)
    for name, multiple in newcomer.caller.shares:
        num_of_caller = sum(_is_from(place, name) for place in watchers)
        if num_of_caller >= multiple * limits.address_watchers:
            detail = f"{num_of_caller} watch from your address, which is all it may have. {again}"
            raise Problem(429, "too-many-watchers", detail, retry_after_s=WATCH_RETRY_S)
    if num_taken >= limits.max_with_watchers:
        raise full()


def _displaced(staying: Sequence[Place]) -> Place:
    """Who goes for a player: the oldest that is half-open, else the newest watcher."""
    half_open = [place for place in staying if place.is_half_open]
    if half_open:
        return min(half_open, key=lambda p: p.since_s)
    watchers = [place for place in staying if not place.is_player]
    if not watchers:
        raise full()
    return max(watchers, key=lambda p: p.since_s)
