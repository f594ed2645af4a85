"""How long a session that came back to the line waits until it is sent to a replica again, so that
it is not bounced without a pause. Rules without I/O."""

from dataclasses import dataclass

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.3, 15.0
SETTLED_S = 60.0  # so long after coming back it counts as the first time again


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pause:
    began_s: float
    length_s: float


class Patience:
    """Owns the pauses of one dispatcher's sessions. A dispatcher that restarts knows of none."""

    def __init__(self) -> None:
        self._pauses: dict[str, _Pause] = {}

    def is_due(self, session_id: str, now: float) -> bool:
        pause = self._pauses.get(session_id)
        return pause is None or now - pause.began_s >= pause.length_s

    def note_return(self, session_id: str, now: float) -> None:
        """It waits in line again: twice as long as the last time, if that was lately."""
        self._pauses = {
            s: pause for s, pause in self._pauses.items() if now - pause.began_s < SETTLED_S
        }
        before = self._pauses.get(session_id)
        length_s = min(2 * before.length_s, LONGEST_PAUSE_S) if before else FIRST_PAUSE_S
        self._pauses[session_id] = _Pause(began_s=now, length_s=length_s)
