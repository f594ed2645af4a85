"""What the scheduler knows of one session. Integers and ids; knows no torch and no clock."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from model.cache.page_table import PageTable, Placement
from model.engine.types import ActionVector, DrawnFrame, RememberedFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """The frame after a session's newest, on its way. `branch`: which of the session's drafts it
    is or was; they all go to one page, one after the other."""

    action: ActionVector
    num_steps: int
    denoise_step: int
    deadline_s: float
    branch: int
    placement: Placement

    @property
    def is_finished(self) -> bool:
        return self.denoise_step == self.num_steps

    def advanced(self) -> "Drawing":
        return replace(self, denoise_step=self.denoise_step + 1)


@dataclass(slots=True, kw_only=True, eq=False)
class Session:
    """Changed by the scheduler only. `unremembered`: finished frames whose keys are not written
    yet, oldest first; the next frame cannot begin before, or with, the last of them. `due`: the
    frame that somebody waits for; `drafts`: begun early, each under another guess of its action."""

    session_id: str
    seed: int
    pages: PageTable
    unremembered: tuple[Placement, ...]
    is_opening: bool = True  # its first frames are being encoded
    due: Drawing | None = None
    drafts: tuple[Drawing, ...] = ()

    @property
    def unfinished_drafts(self) -> tuple[Drawing, ...]:
        return tuple(draft for draft in self.drafts if not draft.is_finished)

    def draft_of(self, action: ActionVector, num_steps: int) -> Drawing | None:
        """The draft that is that very frame."""
        same = (d for d in self.drafts if (d.action, d.num_steps) == (action, num_steps))
        return next(same, None)

    def new_drawing(
        self, action: ActionVector, *, num_steps: int, deadline_s: float, branch: int
    ) -> Drawing:
        return Drawing(
            action=action,
            num_steps=num_steps,
            denoise_step=0,
            deadline_s=deadline_s,
            branch=branch,
            placement=self.pages.placement,
        )

    def remembered_rows(self, room: int) -> list[RememberedFrame]:
        """At most `room` of what is to be remembered, oldest first."""
        return [
            RememberedFrame(session_id=self.session_id, placement=placement)
            for placement in self.unremembered[:room]
        ]

    def drawn_rows(self, drawings: Sequence[Drawing], *, are_drafts: bool) -> list[DrawnFrame]:
        return [
            DrawnFrame(
                session_id=self.session_id,
                seed=self.seed,
                action=drawing.action,
                num_steps=drawing.num_steps,
                denoise_step=drawing.denoise_step,
                is_draft=are_drafts,
                branch=drawing.branch,
                placement=drawing.placement,
            )
            for drawing in drawings
        ]

    def append(self, drawing: Drawing) -> None:
        """The drawing is the session's newest frame now; what else was begun is gone."""
        self.pages.append(drawing.placement)
        self.unremembered = (*self.unremembered, drawing.placement)
        self.due, self.drafts = None, ()

    def check_integrity(self) -> None:
        self.pages.check_integrity()
        held = self.pages.frame_idxs[-len(self.unremembered) or len(self.pages.frame_idxs) :]
        assert tuple(p.frame_idx for p in self.unremembered) == held, "remembered out of order"
        assert self.due is None or not self.drafts, "due, and drafts besides"
        assert self.due is None or not self.due.is_finished, "finished, not appended"
        for drawing in (*self.drafts, *([self.due] if self.due else ())):
            assert drawing.placement == self.pages.placement, "drawn to a stale place"
        branches = [draft.branch for draft in self.drafts]
        assert branches == list(range(len(branches))), f"branches {branches}"
