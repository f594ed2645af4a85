"""The account of frames on their way, and the drafts that wait for their action. No tensors."""

from dataclasses import dataclass, replace

from model.engine.types import Frame, PassPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeculationCounts:
    """Drafts begun and what became of them. Seconds are the engine's: `saved_s` were spent before
    somebody waited for the frame, `wasted_s` on frames that nobody wanted."""

    drafted: int = 0
    accepted: int = 0
    discarded: int = 0
    saved_s: float = 0.0
    wasted_s: float = 0.0


class Ledger:
    """Owns the finished drafts, by session and branch, and the seconds spent on what is not
    finished."""

    def __init__(self) -> None:
        self.counts = SpeculationCounts()
        self._spent_s: dict[tuple[str, int], float] = {}
        self._ready: dict[tuple[str, int], Frame] = {}

    def spend(self, plan: PassPlan, seconds: float) -> None:
        """A pass took so long: every frame in it did."""
        drawn = {(row.session_id, row.branch) for row in plan.drawn}
        names = {session_id for session_id, _ in drawn}
        others = {(r.session_id, 0) for r in plan.remembered if r.session_id not in names}
        for key in drawn | others:
            self._spent_s[key] = self._spent_s.get(key, 0.0) + seconds

    def finish(self, session_id: str, branch: int) -> float:
        """All that was spent on that frame."""
        return self._spent_s.pop((session_id, branch), 0.0)

    def begin_draft(self) -> None:
        self.counts = replace(self.counts, drafted=self.counts.drafted + 1)

    def keep(self, frame: Frame, branch: int) -> None:
        """A draft is finished."""
        self._ready[frame.session_id, branch] = frame

    def accept(self, session_id: str, branch: int) -> Frame | None:
        """The draft was right. Returned if it is finished."""
        frame = self._ready.pop((session_id, branch), None)
        seconds = self._spent_s.get((session_id, branch), 0.0) if frame is None else _cost_s(frame)
        self.counts = replace(
            self.counts,
            accepted=self.counts.accepted + 1,
            saved_s=self.counts.saved_s + seconds,
        )
        return frame

    def discard(self, session_id: str, branch: int) -> None:
        """The draft was wrong, or its session has gone."""
        frame = self._ready.pop((session_id, branch), None)
        spent_s = self.finish(session_id, branch)
        self.counts = replace(
            self.counts,
            discarded=self.counts.discarded + 1,
            wasted_s=self.counts.wasted_s + (spent_s if frame is None else _cost_s(frame)),
        )


def _cost_s(frame: Frame) -> float:
    return frame.denoise_s + frame.decode_s
