"""The replicas of one deployment, from one poll of the registry. A lane plays a single world: a
full lane delays no session of another world."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.backplane.replicas import ReplicaInfo
from services.generation.sessions.version_routing import VersionRouting


@dataclass(slots=True, kw_only=True)
class Lane:
    """`group`: the first part of the replica ids. `num_free`: sessions that may still be sent.
    `routing`: the world versions of the lane."""

    group: str
    num_free: int
    routing: VersionRouting

    @classmethod
    def of(cls, group: str, serving: Iterable[ReplicaInfo], *, num_calls: int) -> "Lane":
        """`serving`: all replicas except draining replicas. `num_calls`: sessions sent to the lane
        and not returned."""
        serving = list(serving)
        ours = [replica for replica in serving if replica.replica_id.startswith(group)]
        # Heartbeats are up to a second old, calls are exact; a restarted dispatcher has no calls.
        num_used = max(sum(replica.used for replica in ours), num_calls)
        return cls(
            group=group,
            num_free=sum(replica.slots for replica in ours) - num_used,
            routing=VersionRouting.by(ours, serving),
        )
