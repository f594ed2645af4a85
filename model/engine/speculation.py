"""Accounts of drafts: how many were begun, accepted and discarded, and seconds. No tensors."""

from dataclasses import dataclass, replace

from model.engine.types import DrawnFrame, Frame, PassPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeculationCounts:
    """Drafts begun, and their outcomes. Engine seconds: `saved_s` were spent on accepted drafts
    before the requests, `wasted_s` on discarded drafts."""

    drafted: int = 0
    accepted: int = 0
    discarded: int = 0
    saved_s: float = 0.0
    wasted_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Speculation:
    """By kind: an `exact` draft equals the frame generated later, a `joint` draft differs."""

    exact: SpeculationCounts = SpeculationCounts()
    joint: SpeculationCounts = SpeculationCounts()


class SpeculationStats:
    """Owns the counts, and the seconds spent on each unfinished frame, by session and branch."""

    def __init__(self) -> None:
        self.speculation = Speculation()
        self._spent_s: dict[tuple[str, int], float] = {}

    def spend(self, plan: PassPlan, seconds: float) -> None:
        """Charges the seconds of a pass: all seconds to every frame in the pass, but to a joint
        frame only the share of a row, since the pass would also run without the joint frame."""
        spent_s = {
            row.key: seconds / plan.num_rows if row.is_joint else seconds for row in plan.drawn
        }
        names = {session_id for session_id, _ in spent_s}
        alone = {(r.session_id, 0): seconds for r in plan.cached if r.session_id not in names}
        for key, more_s in (spent_s | alone).items():
            self._spent_s[key] = self._spent_s.get(key, 0.0) + more_s

    def take_spent_s(self, key: tuple[str, int]) -> float:
        """Seconds spent on the frame, which is finished or dropped now."""
        return self._spent_s.pop(key, 0.0)

    def begin_drafts(self, num_drafts: int, *, are_joint: bool) -> None:
        counts = self._counts(are_joint)
        self._set(are_joint, replace(counts, drafted=counts.drafted + num_drafts))

    def accept(self, draft: DrawnFrame, frame: Frame | None) -> None:
        """The draft was asked for; `frame` if the draft is finished."""
        counts = self._counts(draft.is_joint)
        saved_s = self._spent_s.get(draft.key, 0.0) if frame is None else _cost_s(frame)
        accepted = replace(counts, accepted=counts.accepted + 1, saved_s=counts.saved_s + saved_s)
        self._set(draft.is_joint, accepted)

    def discard(self, draft: DrawnFrame, frame: Frame | None) -> None:
        """Another frame was asked for, or the session is closed; `frame` as for `accept`."""
        counts = self._counts(draft.is_joint)
        spent_s = self.take_spent_s(draft.key)
        wasted_s = counts.wasted_s + (spent_s if frame is None else _cost_s(frame))
        discarded = replace(counts, discarded=counts.discarded + 1, wasted_s=wasted_s)
        self._set(draft.is_joint, discarded)

    def _counts(self, is_joint: bool) -> SpeculationCounts:
        return self.speculation.joint if is_joint else self.speculation.exact

    def _set(self, is_joint: bool, counts: SpeculationCounts) -> None:
        if is_joint:
            self.speculation = replace(self.speculation, joint=counts)
        else:
            self.speculation = replace(self.speculation, exact=counts)


def _cost_s(frame: Frame) -> float:
    return frame.denoise_s + frame.decode_s
