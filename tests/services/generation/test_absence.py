"""When a player counts as gone: by the replica's own clock, whatever Redis' clock does."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain, count, repeat

from services.generation.sessions.absence import LEFT_S, Absence
from services.generation.sessions.lease_keeper import RENEW_S
from services.ingest.webrtc.peer import SILENCE_S
from services.wire.session import SessionRecord, SessionStatus


def record(*, seen_at_ms: int, left_at_ms: int = 0, silent_ms: int = 0) -> SessionRecord:
    """Of a player who has been connected."""
    return SessionRecord(
        session_id="a",
        status=SessionStatus.LIVE,
        world="w",
        start=0,
        seed=1,
        created_at_ms=0,
        connected_at_ms=seen_at_ms,
        player_left_at_ms=left_at_ms,
        player_silent_ms=silent_ms,
    )


def awaited(*, seen_at_ms: int) -> SessionRecord:
    return replace(record(seen_at_ms=0), seen_at_ms=seen_at_ms)


def gone_after_s(records: Iterable[SessionRecord]) -> float:
    """Seconds from the lease until the replica, which reads once in RENEW_S, lets the player go."""
    absence = Absence(absent_s=30.0)
    for number, one in enumerate(records, start=1):
        if absence.observe(one, number * RENEW_S):
            return number * RENEW_S
    raise AssertionError("never")


def test_who_gives_no_sign_is_absent() -> None:
    absence = Absence(absent_s=5.0)
    assert [absence.observe(record(seen_at_ms=7), float(s)) for s in range(7)] == [False] * 6 + [
        True
    ]


def test_each_sign_begins_anew_even_if_the_clock_that_stamped_it_jumped() -> None:
    absence = Absence(absent_s=5.0)
    jumps = [1, 1_000, 3_600_000, 500, 501]
    assert not any(absence.observe(record(seen_at_ms=at), 4.0 * i) for i, at in enumerate(jumps))


def test_time_in_which_nobody_could_read_a_sign_hardly_counts() -> None:
    """An outage longer than `absent_s`: the player's next sign comes a moment after it."""
    absence = Absence(absent_s=30.0)
    assert not absence.observe(record(seen_at_ms=7), 0.0)
    assert not absence.observe(record(seen_at_ms=7), 100.0)
    assert not absence.observe(record(seen_at_ms=8), 101.0)


def test_who_released_the_player_lock_is_gone_sooner_unless_it_is_taken_again() -> None:
    absence = Absence(absent_s=1000.0)
    step_s = LEFT_S / 10
    for i in range(11):
        assert not absence.observe(record(seen_at_ms=i, left_at_ms=5), i * step_s)
    assert absence.observe(record(seen_at_ms=99, left_at_ms=5), 12 * step_s)
    assert not absence.observe(record(seen_at_ms=100), 13 * step_s)
    assert not absence.observe(record(seen_at_ms=101, left_at_ms=6), 14 * step_s)


def test_a_turn_that_nobody_comes_to_ends_within_five_seconds() -> None:
    assert gone_after_s(repeat(awaited(seen_at_ms=7))) <= 5


def test_a_page_that_looks_gets_time_to_connect_but_not_without_end() -> None:
    assert 10 <= gone_after_s(awaited(seen_at_ms=at) for at in count(1)) <= 15
    connects = chain((awaited(seen_at_ms=at) for at in range(1, 9)), repeat(record(seen_at_ms=9)))
    assert gone_after_s(connects) > 30


def test_who_vanished_is_gone_within_ten_seconds_of_the_last_sign() -> None:
    """The replica reads the record just before ingest releases the silent player's lock."""
    left = record(seen_at_ms=6, left_at_ms=1, silent_ms=round(1000 * SILENCE_S))
    since_left_s = gone_after_s(chain([record(seen_at_ms=6)], repeat(left))) - RENEW_S
    assert SILENCE_S + since_left_s <= 10
