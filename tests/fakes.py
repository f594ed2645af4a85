"""Stand-ins for what is slow: a clock that a test moves, an engine whose frames are numbers."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from model import presets
from model.action_space import ActionSpace, mu_law_bins
from model.cache.frame_store import ContextClip
from model.engine.types import Frame
from model.snapshot import SnapshotError, WorldSnapshot
from model.world import SamplerSpec, WorldSpec


class FakeClock:
    """Seconds that pass only when a test says so."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def make_spec(name: str = "numbers", fps: float = 17.5) -> WorldSpec:
    """A world of 32x32 frames. Its vector: forward, back, left, right, act, yaw."""
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
    """Draws the frame's number: frame n of a session is grey of brightness n. Keeps what it was
    asked: `actions[session_id]` and `num_steps` of every step. `before_step` may take fake time;
    sessions in `failing` cannot be drawn."""

    def __init__(self, spec: WorldSpec, before_step: Callable[[], None] = lambda: None) -> None:
        self.spec = spec
        self.before_step = before_step
        self.sessions: dict[str, int] = {}
        self.actions: dict[str, list[tuple[float, ...]]] = {}
        self.num_steps: list[int] = []
        self.failing: set[str] = set()

    def open(self, session_id: str, *, start: int, seed: int) -> None:
        if start != 0:
            raise ValueError(f"start must be below 1, got {start}")
        self._seat(session_id, 0)

    def restore(self, session_id: str, snapshot: WorldSnapshot) -> None:
        if snapshot.world_name != self.spec.name:
            raise SnapshotError(f"a snapshot of {snapshot.world_name}")
        self._seat(session_id, snapshot.frame_idx)

    def step(self, actions: Mapping[str, tuple[float, ...]], *, num_steps: int) -> Sequence[Frame]:
        self.before_step()
        if failing := self.failing & actions.keys():
            raise RuntimeError(f"cannot draw {failing}")
        self.num_steps.append(num_steps)
        return [self._draw(session_id, actions[session_id], num_steps) for session_id in actions]

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
        del self.sessions[session_id]

    def _seat(self, session_id: str, frame_idx: int) -> None:
        if session_id in self.sessions:
            raise ValueError(f"{session_id} is open")
        self.sessions[session_id] = frame_idx
        self.actions.setdefault(session_id, [])

    def _draw(self, session_id: str, action: tuple[float, ...], num_steps: int) -> Frame:
        self.sessions[session_id] += 1
        self.actions[session_id].append(action)
        number = self.sessions[session_id]
        size = (self.spec.height, self.spec.width, 3)
        return Frame(
            session_id=session_id,
            frame_idx=number,
            pixels=np.full(size, number % 256, np.uint8),
            num_steps=num_steps,
            denoise_s=0.02,
            decode_s=0.005,
        )
