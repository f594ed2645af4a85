"""Fakes for slow parts: a clock controlled by a test, an engine with numbers as frames."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from model import presets
from model.action_space import ActionSpace, mu_law_bins
from model.cache.frame_store import ContextClip
from model.context.sliding_window import SlidingWindow
from model.engine.image import ReadyImage
from model.engine.scheduling.scheduler import Scheduler
from model.engine.speculation import Speculation, SpeculationCounts
from model.engine.types import ActionVector, DrawnFrame, Frame, FrameRequest, PassPlan
from model.snapshot import SnapshotError, WorldSnapshot
from model.world import SamplerSpec, WorldSpec


class FakeClock:
    """Seconds that advance only by a test."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def make_spec(name: str = "numbers", fps: float = 17.5) -> WorldSpec:
    """A world of 32x32 frames. Action vector: forward, back, left, right, act, yaw."""
    preset = presets.debug()
    return WorldSpec(
        name=name,
        version="1",
        title="Numbers",
        width=preset.width,
        height=preset.height,
        fps=fps,
        action_space=ActionSpace(
            buttons=("forward", "back", "left", "right", "turn_left", "turn_right", "act"),
            degrees_per_count=0.1,
            key_turn_deg=6.0,
            yaw_bins_deg=mu_law_bins(12.0, 21, 8.0),
        ),
        vae=preset.vae,
        nfd=preset.nfd,
        sampler=SamplerSpec(
            kind="consistency",
            times={1: (math.pi / 2,), 2: (math.pi / 2, 0.8)},
            default_steps=2,
            context_t=0.1,
        ),
        licence="none",
    )


class FakeEngine:
    """Generates numbered frames: frame n of a session has brightness n. Uses the real scheduler
    with empty passes.

    Records requests: `actions[session_id]` of every frame; `ways`: (denoise steps, context length)
    of every `step`. `num_shortened`: number of shortened frames. `before_pass` may take fake time;
    sessions in `failing` raise, frames of sessions in `not_finite` are NaN, for all sessions with
    "*"; `opening`: first frames of a session.
    """

    def __init__(
        self,
        spec: WorldSpec,
        before_pass: Callable[[PassPlan], None] = lambda _: None,
        *,
        max_sessions: int = 64,
    ) -> None:
        self.spec = spec
        self.can_shorten_context = True
        self.before_pass = before_pass
        self.sessions: dict[str, int] = {}
        self.actions: dict[str, list[ActionVector]] = {}
        self.ways: list[tuple[int, int | None]] = []
        self.failing: set[str] = set()
        self.not_finite: set[str] = set()
        self.num_shortened = 0
        self.opening: tuple[int, ...] = (0,)
        self.speculation = Speculation()
        self.scheduler = Scheduler(
            SlidingWindow(spec.nfd.window - 1),
            max_sessions=max_sessions,
            batch_sizes=range(1, 2 * max_sessions + 1),
            max_drafts=2,
            max_joint=1,
        )
        self._drafts: dict[str, dict[int, Frame]] = {}

    @property
    def num_newest(self) -> int:
        return self.spec.nfd.window - 1

    @property
    def has_in_flight(self) -> bool:
        return self.scheduler.has_in_flight

    def open(self, session_id: str, *, start: int, seed: int) -> None:
        self.admit(session_id, start=start, seed=seed)
        self.advance((session_id,))

    def admit(self, session_id: str, *, start: int, seed: int) -> None:
        if start != 0:
            raise ValueError(f"start must be below 1, got {start}")
        self._open_session(session_id, self.opening)

    def admit_snapshot(self, session_id: str, snapshot: WorldSnapshot) -> None:
        if snapshot.world_name != self.spec.name:
            raise SnapshotError(f"a snapshot of {snapshot.world_name}")
        self._open_session(session_id, (snapshot.frame_idx,))

    def is_in_prefill(self, session_id: str) -> bool:
        return self.scheduler.session(session_id).is_in_prefill

    def step(
        self, actions: Mapping[str, ActionVector], *, num_steps: int, context_length: int | None
    ) -> Sequence[Frame]:
        self.ways.append((num_steps, context_length))
        for session_id, action in actions.items():
            request = FrameRequest(
                action=action, num_steps=num_steps, context_length=context_length
            )
            self.begin(session_id, request)
        frames: list[Frame] = []
        while self.has_in_flight:
            frames += self.advance(actions.keys()) or ()
        return frames

    def begin(self, session_id: str, request: FrameRequest) -> Frame | None:
        session = self.scheduler.session(session_id)
        begun = (*session.drafts, *session.joint)
        kept = self.scheduler.begin(session_id, request)
        for draft in begun:
            self._settle(draft, is_right=draft is kept)
        drafts = self._drafts.pop(session_id, {})
        if kept is None or not kept.is_finished:
            return None
        self._count(session_id, request.action)
        return drafts[kept.branch]

    def draft(self, session_id: str, request: FrameRequest) -> None:
        self.scheduler.draft(session_id, request)

    def draft_jointly(self, session_id: str) -> int:
        return self.scheduler.begin_joint(session_id, 1)

    def shorten_context(self, session_id: str, *, context_length: int) -> bool:
        dropped = self.scheduler.shorten_context(session_id, context_length)
        self.num_shortened += dropped is not None
        for draft in dropped or ():
            self._settle(draft, is_right=False)
        return dropped is not None

    def steps_left(self, session_id: str) -> int:
        in_flight = self.scheduler.session(session_id).in_flight
        return in_flight.request.num_steps - in_flight.denoise_step if in_flight else 0

    def is_drafting(self, session_id: str) -> bool:
        return bool(self.scheduler.session(session_id).unfinished_drafts)

    def advance(self, only: Collection[str] | None = None) -> list[Frame] | None:
        plan = self.scheduler.plan_pass(only)
        if plan is None:
            return None
        self.before_pass(plan)
        if "*" in self.failing:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        if failing := self.failing & {row.session_id for row in plan.drawn}:
            raise RuntimeError(f"cannot draw {failing}")
        self.scheduler.commit(plan)
        finished = []
        for row in plan.finished:
            if row.is_draft:
                self._drafts.setdefault(row.session_id, {})[row.branch] = self._draw(row)
            else:
                finished.append(self._draw(row))
                self._count(row.session_id, row.request.action)
        return finished

    def snapshot(self, session_id: str, *, last_action_seq: int) -> WorldSnapshot:
        nfd = self.spec.nfd
        cell = (nfd.latent_channels, nfd.grid_height, nfd.grid_width)
        return WorldSnapshot(
            world_name=self.spec.name,
            world_version=self.spec.version,
            world_digest="numbers",
            seed=1,
            frame_idxs=(self.sessions[session_id],),
            last_action_seq=last_action_seq,
            engine_profile="fake",
            context=ContextClip(
                latents_FChw=torch.zeros(1, *cell),
                t_F=torch.zeros(1),
                actions_FA=torch.zeros(1, nfd.action_size),
            ),
        )

    def close(self, session_id: str) -> None:
        self.scheduler.close(session_id)
        del self.sessions[session_id]

    def _open_session(self, session_id: str, frame_idxs: tuple[int, ...]) -> None:
        self.scheduler.open(session_id, 1, frame_idxs)
        self.sessions[session_id] = frame_idxs[-1]
        self.actions.setdefault(session_id, [])

    def _count(self, session_id: str, action: ActionVector) -> None:
        self.sessions[session_id] += 1
        self.actions[session_id].append(action)

    def _settle(self, draft: DrawnFrame, *, is_right: bool) -> None:
        kind = "joint" if draft.is_joint else "exact"
        counts: SpeculationCounts = getattr(self.speculation, kind)
        counts = replace(
            counts,
            accepted=counts.accepted + is_right,
            discarded=counts.discarded + (not is_right),
        )
        self.speculation = replace(self.speculation, **{kind: counts})

    def _draw(self, row: DrawnFrame) -> Frame:
        number = row.placement.frame_idx
        size = (self.spec.height, self.spec.width, 3)
        return Frame(
            session_id=row.session_id,
            frame_idx=number,
            image=ReadyImage(np.full(size, number % 256, np.uint8)),
            num_steps=row.request.num_steps,
            denoise_s=0.02,
            decode_s=0.005,
            is_speculative=row.is_draft,
            is_joint=row.is_joint,
            is_finite=not self.not_finite & {row.session_id, "*"},
        )
