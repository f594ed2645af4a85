"""Allocation of peer places, and displaced peers."""

from dataclasses import replace

import pytest

from services.callers import Caller, caller_of
from services.ingest.webrtc.places import Place, PlaceLimits, make_place
from services.telemetry import Problem

LIMITS = PlaceLimits(
    max_peers=8, session_watchers=3, address_watchers=4, session_half_open=2, address_half_open=3
)


def place(peer_id: str, session_id: str, *, at: float = 0.0, **fields: object) -> Place:
    chosen = {
        "caller": Caller(address=f"of {session_id}"),
        "is_player": False,
        "is_half_open": False,
    } | fields
    return Place(peer_id=peer_id, session_id=session_id, since_s=at, **chosen)  # type: ignore[arg-type]


def player(peer_id: str, *, at: float = 0.0, **fields: object) -> Place:
    return place(peer_id, f"session of {peer_id}", at=at, **({"is_player": True} | fields))


def goes(newcomer: Place, held: list[Place], num_sockets: int = 0) -> list[str]:
    going = make_place(newcomer, held, num_sockets=num_sockets, limits=LIMITS)
    return [one.peer_id for one in going]


def refused(newcomer: Place, held: list[Place], num_sockets: int = 0) -> Problem:
    with pytest.raises(Problem) as problem:
        make_place(newcomer, held, num_sockets=num_sockets, limits=LIMITS)
    assert f"Try again in {problem.value.retry_after_s} s" in problem.value.detail
    return problem.value


def test_a_session_has_a_few_watchers_and_so_has_an_address() -> None:
    of_session = [place(f"w{i}", "a") for i in range(3)]
    assert refused(place("new", "a"), of_session).kind == "too-many-watchers"
    assert goes(place("new", "b"), of_session) == []
    elsewhere = [place(f"w{i}", f"s{i}", caller=Caller(address="one")) for i in range(4)]
    assert (
        refused(place("new", "b", caller=Caller(address="one")), elsewhere).kind
        == "too-many-watchers"
    )


def test_the_oldest_that_never_connected_goes() -> None:
    of_session = [place(f"h{i}", "a", at=-i, is_half_open=True) for i in range(2)]
    assert goes(place("new", "a", is_half_open=True), of_session) == ["h1"]
    of_address = [
        place(f"h{i}", f"s{i}", at=-i, caller=Caller(address="one"), is_half_open=True)
        for i in range(3)
    ]
    assert goes(place("new", "b", caller=Caller(address="one"), is_half_open=True), of_address) == [
        "h2"
    ]
    assert (
        goes(place("new", "b", caller=Caller(address="two"), is_half_open=True), of_address) == []
    )


def test_a_network_has_what_a_few_of_its_addresses_have() -> None:
    """A stranger's provider gives out /48 networks: 65,536 households to take places with."""
    of_network = [caller_of(f"2001:db8:1:{household:x}::1") for household in range(20)]
    watchers = [place(f"w{i}", f"s{i}", caller=of_network[i]) for i in range(16)]
    wide = replace(LIMITS, max_peers=100)
    newcomer = place("new", "new", caller=of_network[16])
    with pytest.raises(Problem, match="16 watch from your address"):
        make_place(newcomer, watchers, num_sockets=0, limits=wide)
    assert make_place(newcomer, watchers[1:], num_sockets=0, limits=wide) == []
    half_open = [
        place(f"h{i}", f"s{i}", at=i, caller=of_network[i], is_half_open=True) for i in range(12)
    ]
    (going,) = make_place(newcomer, half_open, num_sockets=0, limits=wide)
    assert going.peer_id == "h0"
    elsewhere = place("new", "new", caller=caller_of("2001:db8:2::1"))
    assert make_place(elsewhere, half_open, num_sockets=0, limits=wide) == []


def test_a_sessions_watcher_that_never_connects_goes_before_its_player() -> None:
    held = [
        place("player", "a", at=-9, is_player=True, is_half_open=True),
        place("watcher", "a", is_half_open=True),
    ]
    assert goes(place("new", "a", is_half_open=True), held) == ["watcher"]


def test_watchers_leave_the_last_places_to_players() -> None:
    held = [player(f"p{i}") for i in range(6)]
    assert refused(place("new", "a"), held).kind == "edge-full"
    assert goes(player("new"), held) == []


def test_a_player_gets_the_place_of_who_never_connected_then_of_the_newest_watcher() -> None:
    players = [player(f"p{i}", at=-9) for i in range(5)]
    watchers = [place(f"w{i}", f"s{i}", at=i) for i in range(3)]
    assert goes(player("new"), players + watchers) == ["w2"]
    half_open = player("half", at=-1, is_half_open=True)
    assert goes(player("new"), [*players, half_open, *watchers[:2]]) == ["half"]
    assert refused(player("new"), [player(f"p{i}") for i in range(8)]).status == 503


def test_a_player_that_comes_again_takes_no_second_place() -> None:
    held = [player(f"p{i}") for i in range(7)]
    again = place("new", held[0].session_id, is_player=True)
    assert goes(again, [*held, player("p7")]) == []


def test_sockets_count() -> None:
    held = [player(f"p{i}") for i in range(5)]
    assert refused(place("new", "a"), held, num_sockets=1).kind == "edge-full"
    assert goes(player("new"), [*held, place("w", "a")], num_sockets=2) == ["w"]
