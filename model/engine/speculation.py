"""Drafts that wait for their action, and the account of what they brought. Knows no tensors."""

from dataclasses import dataclass, replace

from model.engine.types import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeculationCounts:
    """Drafts begun and what became of them. Seconds are the engine's: `saved_s` were spent before
    somebody waited for the frame, `wasted_s` on frames that nobody wanted."""

    drafted: int = 0
    accepted: int = 0
    discarded: int = 0
    saved_s: float = 0.0
    wasted_s: float = 0.0


class Drafts:
    """Owns the finished drafts of all sessions, at most one of each."""

    def __init__(self) -> None:
        self.counts = SpeculationCounts()
        self._ready: dict[str, Frame] = {}

    def begin(self) -> None:
        self.counts = replace(self.counts, drafted=self.counts.drafted + 1)

    def keep(self, frame: Frame) -> None:
        self._ready[frame.session_id] = frame

    def accept(self, session_id: str, spent_s: float) -> Frame | None:
        """The draft was right. `spent_s`: on it so far, if it is not finished. Returned if it
        is."""
        frame = self._ready.pop(session_id, None)
        self.counts = replace(
            self.counts,
            accepted=self.counts.accepted + 1,
            saved_s=self.counts.saved_s + _seconds(frame, spent_s),
        )
        return frame

    def discard(self, session_id: str, spent_s: float) -> None:
        """The draft was wrong, or its session has gone."""
        frame = self._ready.pop(session_id, None)
        self.counts = replace(
            self.counts,
            discarded=self.counts.discarded + 1,
            wasted_s=self.counts.wasted_s + _seconds(frame, spent_s),
        )


def _seconds(frame: Frame | None, spent_s: float) -> float:
    return spent_s if frame is None else frame.denoise_s + frame.decode_s
