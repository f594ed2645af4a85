"""A player hears of the end a minute before, by Redis' clock alone."""

import pytest

from services.backplane.sessions import LEASE_MS
from services.ingest.time_left import WARN_MS, ending_soon
from services.wire.session import SessionRecord, SessionStatus

NOW_MS = 1_000_000


def record(left_ms: int, status: SessionStatus = SessionStatus.LIVE) -> SessionRecord:
    """Whose lease was renewed at NOW_MS."""
    return SessionRecord(
        session_id="a",
        status=status,
        world="toy",
        start=0,
        seed=0,
        created_at_ms=0,
        ends_at_ms=NOW_MS + left_ms,
        lease_until_ms=NOW_MS + LEASE_MS,
    )


@pytest.mark.parametrize(("left_ms", "seconds"), [(WARN_MS, 60), (1_001, 2), (1, 1), (-500, 0)])
def test_the_last_minute_is_told_in_seconds(left_ms: int, seconds: int) -> None:
    assert ending_soon(record(left_ms)) == {"type": "ending_soon", "seconds": seconds}


def test_nothing_is_said_before_nor_while_no_time_passes() -> None:
    assert ending_soon(record(WARN_MS + 1)) is None
    assert ending_soon(record(10, SessionStatus.QUEUED)) is None
    assert ending_soon(record(-NOW_MS)) is None  # ends_at_ms 0: an older service has it
