"""Which replicas may play which session: a session stays with the version of its world that it
began with. Rules without I/O."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.backplane.replicas import ReplicaInfo
from services.wire.release import Release
from services.wire.session import SessionRecord

Version = tuple[str, str]  # world, digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What replicas play: those of one lane, and all there are."""

    ours: frozenset[Version]
    anywhere: frozenset[Version]

    @classmethod
    def by(cls, ours: Iterable[ReplicaInfo], anywhere: Iterable[ReplicaInfo]) -> "Served":
        return cls(
            ours=frozenset((r.world, r.world_digest) for r in ours),
            anywhere=frozenset((r.world, r.world_digest) for r in anywhere),
        )

    def has_version_of(self, record: SessionRecord) -> bool:
        """Its own version, or any of its world while it has none yet."""
        if not record.world_digest:
            return self.has_world(record.world)
        return (record.world, record.world_digest) in self.ours

    def has_world(self, name: str) -> bool:
        return any(world == name for world, _ in self.ours)

    def is_gone(self, record: SessionRecord, release: Release | None) -> bool:
        """Whether nobody plays its version and nobody means to: any replica of its world may have
        it then, opens it if it has not begun, and otherwise tells its player."""
        is_wanted = release is not None and record.world_digest in release.digests
        return not is_wanted and (record.world, record.world_digest) not in self.anywhere
