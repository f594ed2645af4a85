"""Why a session leaves a replica, with the words for the player. Values only: `LiveSession` acts on
an exit reason."""

from dataclasses import dataclass

from services.wire.session import SessionStatus

_WORDS = {
    SessionStatus.PAUSED: "paused",
    SessionStatus.QUEUED: "moving",
    SessionStatus.ENDED: "ending",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitReason:
    """`status`: of the session afterwards. `reason`: text for the player. `figure`: field of the
    world version's figures that counts the exit."""

    status: SessionStatus
    reason: str
    figure: str = "ended"
    saves: bool = False  # takes a last snapshot; otherwise the snapshot of a second ago stands
    is_failure: bool = False  # of the replica or of the world
    keeps_snapshot: bool = False  # of an ended session: the player may open the snapshot again

    @property
    def word(self) -> str:
        """The state in a STATE message."""
        return _WORDS[self.status]


ABSENT = ExitReason(
    status=SessionStatus.PAUSED,
    reason="We lost sight of you; your world waits here.",
    figure="paused",
    saves=True,
)
MOVING = ExitReason(
    status=SessionStatus.QUEUED,
    reason="Your world moves to another machine.",
    figure="moved",
    saves=True,
)
FAILED = ExitReason(
    status=SessionStatus.QUEUED,
    reason="Your world stumbled and is picked up again.",
    figure="failed",
    is_failure=True,
)
BROKEN = ExitReason(
    status=SessionStatus.ENDED,
    reason="Your world broke twice and cannot be drawn any more. Its last saved moment is kept for"
    " an hour.",
    figure="failed",
    keeps_snapshot=True,
)
NO_PICTURE = ExitReason(
    status=SessionStatus.ENDED,
    reason="Your picture could not be encoded. Your world is kept for an hour.",
    figure="failed",
    saves=True,
    keeps_snapshot=True,
)
DAMAGED = ExitReason(
    status=SessionStatus.ENDED,
    reason="The saved copy of your world is damaged and cannot be opened.",
    figure="refused",
)
SOURCE_GONE = ExitReason(
    status=SessionStatus.ENDED,
    reason="The saved moment that this world was to begin from is gone: its hour was over, or newer"
    " ones took its place.",
    figure="refused",
)
WORLD_CHANGED = ExitReason(
    status=SessionStatus.ENDED,
    reason="This world was replaced; yours cannot go on in the new one.",
    figure="refused",
)
CANNOT_START = ExitReason(
    status=SessionStatus.ENDED, reason="This world could not be started.", figure="refused"
)
