"""The session record: owner, address and status of one session. Rules without I/O."""

from dataclasses import dataclass
from enum import StrEnum

from services.wire.codec import VideoCodec

RECORD_GONE = "The record of this session is gone, so its world cannot go on."


class SessionStatus(StrEnum):
    QUEUED = "queued"  # in the line
    STARTING = "starting"  # a replica has the lease and prefills
    LIVE = "live"
    PAUSED = "paused"  # its world is a snapshot; coming back joins the line
    ENDED = "ended"


NEXT_STATUSES: dict[SessionStatus, frozenset[SessionStatus]] = {
    SessionStatus.QUEUED: frozenset({SessionStatus.STARTING, SessionStatus.ENDED}),
    SessionStatus.STARTING: frozenset(
        {SessionStatus.LIVE, SessionStatus.QUEUED, SessionStatus.ENDED}
    ),
    SessionStatus.LIVE: frozenset(
        {SessionStatus.PAUSED, SessionStatus.QUEUED, SessionStatus.ENDED}
    ),
    SessionStatus.PAUSED: frozenset({SessionStatus.QUEUED, SessionStatus.ENDED}),
    SessionStatus.ENDED: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Proof of ownership in every write of an owner. `epoch` orders owners. A Redis failover that
    loses the newest lease repeats an epoch, so the random `link_key` must match too."""

    epoch: int
    link_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """One session in Redis. `epoch` grows with every new owner. Redis refuses the write of an old
    owner; ingest drops frames of an old epoch."""

    session_id: str
    status: SessionStatus
    world: str
    start: int
    seed: int
    created_at_ms: int
    epoch: int = 0
    replica_id: str = ""  # the owner, and the name of its action stream
    frame_address: str = ""  # host:port of the owner's frame server
    link_key: str = ""  # what a frame link must show to the owner; new with each lease
    snapshot_of: str = ""  # the session whose snapshot this one starts from
    reason: str = ""  # why it ended or paused, for the player
    seen_at_ms: int = 0  # the last sign of the player: a look, an offer, a connection
    connected_at_ms: int = 0  # the last one over its connection; 0: none under this owner
    held_since_ms: int = 0  # when its owner got it; 0: nobody has it
    ends_at_ms: int = 0  # when its time is up; 0: nobody has it, and no time passes
    played_ms: int = 0  # of its time, under the owners before
    player_left_at_ms: int = (
        0  # when the player lock was given back; 0: somebody has it, or had it never
    )
    player_silent_ms: int = 0  # for how long the player had been silent then
    lease_until_ms: int = 0
    codec: VideoCodec = VideoCodec.H264  # of the video, fixed by the player's browser
    world_digest: str = ""  # the version that it began with and stays with; "" before it is known

    @property
    def is_awaited(self) -> bool:
        """Returns whether the player has yet to connect: the session is queued, or has a slot and
        no connection."""
        held = (SessionStatus.STARTING, SessionStatus.LIVE)
        return self.status is SessionStatus.QUEUED or (
            self.status in held and not self.connected_at_ms
        )
