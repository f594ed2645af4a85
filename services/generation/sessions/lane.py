"""The replicas of one deployment, as one look at the registry found them. One lane plays one world:
a lane without a free slot holds up nobody who waits for another one."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.backplane.replicas import ReplicaInfo
from services.generation.sessions.version_routing import VersionRouting


@dataclass(slots=True, kw_only=True)
class Lane:
    """`group`: the first part of its replicas' ids. `num_free`: sessions that may still be sent."""

    group: str
    num_free: int
    routing: VersionRouting

    @classmethod
    def of(cls, group: str, serving: Iterable[ReplicaInfo], *, num_calls: int) -> "Lane":
        """`serving`: every replica that does not drain. `num_calls`: sessions sent here that have
        not come back."""
        serving = list(serving)
        ours = [replica for replica in serving if replica.replica_id.startswith(group)]
        # Heartbeats are a second old and calls are not; a restarted dispatcher has only those.
        num_used = max(sum(replica.used for replica in ours), num_calls)
        return cls(
            group=group,
            num_free=sum(replica.slots for replica in ours) - num_used,
            routing=VersionRouting.by(ours, serving),
        )
