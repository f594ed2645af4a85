"""The pause of a returned session before the next replica gets the session. Rules without I/O.

Without pauses the dispatcher would send a failing session around without end.
"""

from dataclasses import dataclass

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.3, 15.0
SETTLED_S = 60.0  # a return later than this after the last return counts as the first


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pause:
    began_s: float
    length_s: float


class Patience:
    """Owns the pauses of one dispatcher's sessions. A restarted dispatcher begins without
    pauses."""

    def __init__(self) -> None:
        self._pauses: dict[str, _Pause] = {}

    def is_due(self, session_id: str, now: float) -> bool:
        """The pause of the session is over. `now`: seconds of a monotonic clock."""
        pause = self._pauses.get(session_id)
        return pause is None or now - pause.began_s >= pause.length_s

    def note_return(self, session_id: str, now: float) -> None:
        """The session is queued again: the pause doubles with each return within SETTLED_S."""
        self._pauses = {
            s: pause for s, pause in self._pauses.items() if now - pause.began_s < SETTLED_S
        }
        before = self._pauses.get(session_id)
        length_s = min(2 * before.length_s, LONGEST_PAUSE_S) if before else FIRST_PAUSE_S
        self._pauses[session_id] = _Pause(began_s=now, length_s=length_s)
