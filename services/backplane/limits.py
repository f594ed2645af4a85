"""Limits of a visitor on Redis memory and slots. `limits.lua` checks the limits before each
write."""

from dataclasses import dataclass
from enum import StrEnum


class Refusal(StrEnum):
    """Reasons for a refused write."""

    QUEUE_FULL = "line-full"
    ENOUGH_OPEN = "enough-open"  # sessions, by this caller
    ENOUGH_SAVED = "enough-saved"  # worlds, by this caller
    NOTHING_YET = "no-snapshot-yet"  # there is no snapshot to save
    NO_ROOM = "no-room"  # the bytes of visitors are used up


class LimitError(Exception):
    """A limit refused the write; nothing was written."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits for a new session.

    `callers`: pairs (name, share); a share of 2 doubles `max_open`, the number of sessions waiting
    or playing, and equally the number of paused sessions. `max_bytes`: total memory of Redis, 0 for
    Redis' own limit only. `session_bytes`: memory reserved for each queued session.
    """

    callers: tuple[tuple[str, int], ...] = ()
    max_open: int = 1
    max_bytes: int = 0
    session_bytes: int = 0

    @property
    def written_callers(self) -> str:
        """Returns the callers in the format of limits.lua."""
        return " ".join(f"{who}={share}" for who, share in self.callers)
