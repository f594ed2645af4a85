"""The account of frames on their way, and the drafts that wait for their action. No tensors."""

from dataclasses import dataclass, replace

from model.engine.types import DrawnFrame, Frame, PassPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeculationCounts:
    """Drafts begun and what became of them. Seconds are the engine's: `saved_s` were spent before
    somebody waited for the frame, `wasted_s` on frames that nobody wanted."""

    drafted: int = 0
    accepted: int = 0
    discarded: int = 0
    saved_s: float = 0.0
    wasted_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Speculation:
    """By kind: `exact` drafts are the very frames that would be drawn later, `joint` ones not."""

    exact: SpeculationCounts = SpeculationCounts()
    joint: SpeculationCounts = SpeculationCounts()


class Ledger:
    """Owns the finished drafts, by session and branch, and the seconds spent on what is not
    finished."""

    def __init__(self) -> None:
        self.speculation = Speculation()
        self._spent_s: dict[tuple[str, int], float] = {}
        self._ready: dict[tuple[str, int], Frame] = {}

    def spend(self, plan: PassPlan, seconds: float) -> None:
        """A pass took so long: every frame in it did, but joint ones, of which it could have gone
        without, only their rows' share."""
        spent_s = {
            (row.session_id, row.branch): seconds / plan.num_rows if row.is_joint else seconds
            for row in plan.drawn
        }
        names = {session_id for session_id, _ in spent_s}
        alone = {(r.session_id, 0): seconds for r in plan.remembered if r.session_id not in names}
        for key, more_s in (spent_s | alone).items():
            self._spent_s[key] = self._spent_s.get(key, 0.0) + more_s

    def finish(self, session_id: str, branch: int) -> float:
        """All that was spent on that frame."""
        return self._spent_s.pop((session_id, branch), 0.0)

    def begin_drafts(self, num_drafts: int, *, are_joint: bool) -> None:
        counts = self._counts(are_joint)
        self._note(are_joint, replace(counts, drafted=counts.drafted + num_drafts))

    def keep(self, draft: DrawnFrame, frame: Frame) -> None:
        """A draft is finished."""
        self._ready[draft.session_id, draft.branch] = frame

    def accept(self, draft: DrawnFrame) -> Frame | None:
        """It was right. Returned if it is finished."""
        key, counts = (draft.session_id, draft.branch), self._counts(draft.is_joint)
        frame = self._ready.pop(key, None)
        saved_s = self._spent_s.get(key, 0.0) if frame is None else _cost_s(frame)
        accepted = replace(counts, accepted=counts.accepted + 1, saved_s=counts.saved_s + saved_s)
        self._note(draft.is_joint, accepted)
        return frame

    def discard(self, draft: DrawnFrame) -> None:
        """It was wrong, or its session has gone."""
        counts = self._counts(draft.is_joint)
        frame = self._ready.pop((draft.session_id, draft.branch), None)
        spent_s = self.finish(draft.session_id, draft.branch)
        wasted_s = counts.wasted_s + (spent_s if frame is None else _cost_s(frame))
        discarded = replace(counts, discarded=counts.discarded + 1, wasted_s=wasted_s)
        self._note(draft.is_joint, discarded)

    def _counts(self, is_joint: bool) -> SpeculationCounts:
        return self.speculation.joint if is_joint else self.speculation.exact

    def _note(self, is_joint: bool, counts: SpeculationCounts) -> None:
        if is_joint:
            self.speculation = replace(self.speculation, joint=counts)
        else:
            self.speculation = replace(self.speculation, exact=counts)


def _cost_s(frame: Frame) -> float:
    return frame.denoise_s + frame.decode_s
