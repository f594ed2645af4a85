"""What the scheduler knows of one session. Integers and ids; knows no torch and no clock."""

from dataclasses import dataclass

from model.cache.page_table import PageTable, Placement
from model.engine.types import ActionVector, DrawnFrame, RememberedFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """The frame after a session's newest, on its way. A draft is one whose action is a guess."""

    action: ActionVector
    num_steps: int
    denoise_step: int
    deadline_s: float
    is_draft: bool
    placement: Placement

    @property
    def is_finished(self) -> bool:
        return self.denoise_step == self.num_steps


@dataclass(slots=True, kw_only=True, eq=False)
class Session:
    """Changed by the scheduler only. `unremembered`: finished frames whose keys are not written
    yet, oldest first; the next frame cannot begin before, or with, the last of them."""

    session_id: str
    seed: int
    pages: PageTable
    unremembered: tuple[Placement, ...]
    is_opening: bool = True  # its first frames are being encoded
    drawing: Drawing | None = None

    @property
    def is_due(self) -> bool:
        """Somebody waits for a frame of it."""
        return self.drawing is not None and not self.drawing.is_draft

    @property
    def has_draft(self) -> bool:
        return self.drawing is not None and self.drawing.is_draft

    @property
    def is_drafting(self) -> bool:
        return self.has_draft and not (self.drawing and self.drawing.is_finished)

    def remembered_rows(self, room: int) -> list[RememberedFrame]:
        """At most `room` of what is to be remembered, oldest first."""
        return [
            RememberedFrame(session_id=self.session_id, placement=placement)
            for placement in self.unremembered[:room]
        ]

    def drawn_row(self, drawing: Drawing) -> DrawnFrame:
        return DrawnFrame(
            session_id=self.session_id,
            seed=self.seed,
            action=drawing.action,
            num_steps=drawing.num_steps,
            denoise_step=drawing.denoise_step,
            is_draft=drawing.is_draft,
            placement=drawing.placement,
        )

    def append(self, drawing: Drawing) -> None:
        """The drawing is the session's newest frame now."""
        self.pages.append(drawing.placement)
        self.unremembered = (*self.unremembered, drawing.placement)
        self.drawing = None

    def check_integrity(self) -> None:
        self.pages.check_integrity()
        held = self.pages.frame_idxs[-len(self.unremembered) or len(self.pages.frame_idxs) :]
        assert tuple(p.frame_idx for p in self.unremembered) == held, "remembered out of order"
        if self.drawing is not None:
            assert self.drawing.placement == self.pages.placement, "drawn to a stale place"
            assert self.drawing.is_draft or not self.drawing.is_finished, "finished, not appended"
