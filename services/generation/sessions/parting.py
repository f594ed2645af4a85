"""How a session may leave a replica. Words and values; what is done about it is elsewhere."""

from dataclasses import dataclass

from services.wire.session import SessionStatus

_WORDS = {
    SessionStatus.PAUSED: "paused",
    SessionStatus.QUEUED: "moving",
    SessionStatus.ENDED: "ending",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parting:
    """What the session becomes, and what its player is told. `figure`: how it counts among the
    figures of its world's version."""

    status: SessionStatus
    reason: str
    figure: str = "ended"
    saves: bool = False  # its world as it is now, not only as it was a second ago
    is_failure: bool = False  # of the replica or of the world: who is to blame is seen elsewhere
    keeps_snapshot: bool = False  # of a session that ends: its player may open it again

    @property
    def word(self) -> str:
        """For the edge: the state in a STATE message."""
        return _WORDS[self.status]


ABSENT = Parting(
    status=SessionStatus.PAUSED,
    reason="We lost sight of you; your world waits here.",
    figure="paused",
    saves=True,
)
MOVING = Parting(
    status=SessionStatus.QUEUED,
    reason="Your world moves to another machine.",
    figure="moved",
    saves=True,
)
FAILED = Parting(
    status=SessionStatus.QUEUED,
    reason="Your world stumbled and is picked up again.",
    figure="failed",
    is_failure=True,
)
BROKEN = Parting(
    status=SessionStatus.ENDED,
    reason="Your world broke twice and cannot be drawn any more. Its last saved moment is kept for"
    " an hour.",
    figure="failed",
    keeps_snapshot=True,
)
NO_PICTURE = Parting(
    status=SessionStatus.ENDED,
    reason="Your picture could not be encoded. Your world is kept for an hour.",
    figure="failed",
    saves=True,
    keeps_snapshot=True,
)
DAMAGED = Parting(
    status=SessionStatus.ENDED,
    reason="The saved copy of your world is damaged and cannot be opened.",
    figure="refused",
)
WORLD_CHANGED = Parting(
    status=SessionStatus.ENDED,
    reason="This world was replaced; yours cannot go on in the new one.",
    figure="refused",
)
CANNOT_START = Parting(
    status=SessionStatus.ENDED, reason="This world could not be started.", figure="refused"
)
