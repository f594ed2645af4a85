"""Which leases are not renewed any more. Rules without I/O.

Judged by consecutive polls and not by a clock: time without an answer from Redis says nothing about
the owners, and Redis' wall clock may jump.
"""

from collections.abc import Mapping


class LeaseWatch:
    """Owns what the last poll saw: of each lease its end, and over how many polls it stayed."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}

    def observe(self, leases: Mapping[str, int], *, patience: int) -> dict[str, int]:
        """`leases`: end of each in ms, by session id, as one poll found them. Returns those that
        stayed the same over the last `patience` polls and more."""
        self._seen = {
            session_id: (until_ms, self._num_polls_same(session_id, until_ms))
            for session_id, until_ms in leases.items()
        }
        return {
            s: until_ms for s, (until_ms, num_polls) in self._seen.items() if num_polls >= patience
        }

    def forget(self) -> None:
        """A poll got no answer: every owner gets its whole patience again."""
        self._seen = {}

    def _num_polls_same(self, session_id: str, until_ms: int) -> int:
        before, num_polls = self._seen.get(session_id, (None, 0))
        return num_polls + 1 if before == until_ms else 0
