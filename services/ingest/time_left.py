"""The warning before a session's time is up. Rules without I/O.

Knows no clock: the times of a record are Redis' own, and are only compared with each other.
"""

import math

from services.backplane.sessions import LEASE_MS
from services.wire.session import SessionRecord, SessionStatus

WARN_MS = 60_000


def ending_soon(record: SessionRecord) -> dict[str, str | int] | None:
    """The message for `control` in the last minute of a live session's time, with the seconds that
    are left; None before. The owner renewed the lease LEASE_MS before the lease's end, and renews
    once a second: the time left is right to a second.
    """
    if record.status is not SessionStatus.LIVE or not record.ends_at_ms:
        return None
    left_ms = record.ends_at_ms - (record.lease_until_ms - LEASE_MS)
    if left_ms > WARN_MS:
        return None
    return {"type": "ending_soon", "seconds": max(0, math.ceil(left_ms / 1000))}
