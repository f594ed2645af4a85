"""What visitors may take of Redis and of the slots. `limits.lua` keeps to it, before each write."""

from dataclasses import dataclass
from enum import StrEnum


class Refusal(StrEnum):
    """Why something was not written."""

    QUEUE_FULL = "line-full"
    ENOUGH_OPEN = "enough-open"  # sessions, by this caller
    ENOUGH_SAVED = "enough-saved"  # worlds, by this caller
    NOTHING_YET = "no-snapshot-yet"  # there is no snapshot to save
    NO_ROOM = "no-room"  # the bytes of visitors are used up


class LimitError(Exception):
    """Nothing was written."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """For a new session. `callers`: (who, share): whoever has two shares may have twice `max_open`
    sessions that play or wait, and as many paused ones. `max_bytes`: what Redis may hold in all, 0
    for no limit but its own; each session in the line counts as `session_bytes`, which it will
    need."""

    callers: tuple[tuple[str, int], ...] = ()
    max_open: int = 1
    max_bytes: int = 0
    session_bytes: int = 0

    @property
    def written_callers(self) -> str:
        """As limits.lua reads them."""
        return " ".join(f"{who}={share}" for who, share in self.callers)
