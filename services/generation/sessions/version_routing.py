"""Which replicas may play which session: a session stays with the world version of its first frame.
Rules without I/O."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.backplane.replicas import ReplicaInfo
from services.wire.release import Release
from services.wire.session import SessionRecord

Version = tuple[str, str]  # world, digest


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRouting:
    """World versions by the replicas that play them. `ours`: replicas of one lane. `anywhere`: all
    replicas."""

    ours: frozenset[Version]
    anywhere: frozenset[Version]

    @classmethod
    def by(cls, ours: Iterable[ReplicaInfo], anywhere: Iterable[ReplicaInfo]) -> "VersionRouting":
        return cls(
            ours=frozenset((r.world, r.world_digest) for r in ours),
            anywhere=frozenset((r.world, r.world_digest) for r in anywhere),
        )

    def has_version_of(self, record: SessionRecord) -> bool:
        """The lane plays the session's version, or, for a session without a version yet, any
        version of the world."""
        if not record.world_digest:
            return self.has_world(record.world)
        return (record.world, record.world_digest) in self.ours

    def has_world(self, name: str) -> bool:
        """The lane plays a version of the world."""
        return any(world == name for world, _ in self.ours)

    def is_gone(self, record: SessionRecord, release: Release | None) -> bool:
        """No replica plays the session's version, and no release asks for the version. Any replica
        of the world may then take the session: a new session starts, a played one is refused with
        a message to the player."""
        is_wanted = release is not None and record.world_digest in release.digests
        return not is_wanted and (record.world, record.world_digest) not in self.anywhere
