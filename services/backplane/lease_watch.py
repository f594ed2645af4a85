"""Which leases are no longer renewed. Rules without I/O.

Leases are judged by consecutive polls and not by a clock: an outage of Redis says nothing about the
replicas, and the wall clock of Redis may jump.
"""

from collections.abc import Mapping


class LeaseWatch:
    """Owns the end of each lease, and the number of polls without a new end."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}

    def observe(self, leases: Mapping[str, int], *, patience: int) -> dict[str, int]:
        """`leases`: session id -> end of the lease in ms, from one poll. Returns the leases with
        the same end in the last `patience` polls or more."""
        self._seen = {
            session_id: (until_ms, self._num_polls_same(session_id, until_ms))
            for session_id, until_ms in leases.items()
        }
        return {
            s: until_ms for s, (until_ms, num_polls) in self._seen.items() if num_polls >= patience
        }

    def forget(self) -> None:
        """A poll got no answer: counting starts again for every lease."""
        self._seen = {}

    def _num_polls_same(self, session_id: str, until_ms: int) -> int:
        before, num_polls = self._seen.get(session_id, (None, 0))
        return num_polls + 1 if before == until_ms else 0
