"""When a player counts as gone: by the replica's own clock, whatever Redis' clock does."""

from services.generation.sessions.absence import LEFT_S, Absence
from services.wire.session import SessionRecord, SessionStatus


def record(*, seen_at_ms: int, left_at_ms: int = 0) -> SessionRecord:
    return SessionRecord(
        session_id="a", status=SessionStatus.LIVE, world="w", start=0, seed=1, created_at_ms=0,
        seen_at_ms=seen_at_ms, player_left_at_ms=left_at_ms,
    )  # fmt: skip


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


def test_who_gave_the_seat_back_is_gone_sooner_unless_it_is_taken_again() -> None:
    absence = Absence(absent_s=1000.0)
    step_s = LEFT_S / 10
    for i in range(11):
        assert not absence.observe(record(seen_at_ms=i, left_at_ms=5), i * step_s)
    assert absence.observe(record(seen_at_ms=99, left_at_ms=5), 12 * step_s)
    assert not absence.observe(record(seen_at_ms=100), 13 * step_s)
    assert not absence.observe(record(seen_at_ms=101, left_at_ms=6), 14 * step_s)
