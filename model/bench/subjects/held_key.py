"""A player who holds a key, and what speculation does for them. Knows the engine's door only."""

import time

import torch

from model.engine.engine import WorldEngine
from model.engine.types import Frame
from model.fast.paths import FastPaths
from model.world import World


class HeldKey:
    """One session whose action never changes. `max_joint`, `paths`: as the engine's."""

    def __init__(
        self,
        world: World,
        device: torch.device,
        *,
        max_joint: int = 0,
        paths: FastPaths | None = None,
    ) -> None:
        self._engine = WorldEngine(
            world, max_sessions=1, device=str(device), max_joint=max_joint, paths=paths
        )
        self._engine.open("player", seed=0)
        self._period_s = 1 / world.spec.fps
        self._action = (0.0,) * world.spec.nfd.action_size
        self._engine.step({"player": self._action})

    def wait_s(self) -> float:
        """Drawn ahead: what the spare time of a frame period could not hide of the next frame,
        and the answer itself."""
        started_s = time.perf_counter()
        self._engine.draft("player", self._action)
        while self._engine.advance() is not None:
            pass
        asked_s = time.perf_counter()
        frame = self._engine.begin("player", self._action)
        assert frame is not None, "the draft was not ready"
        late_s = max(0.0, asked_s - started_s - self._period_s)
        return late_s + time.perf_counter() - asked_s

    def alone_s(self) -> float:
        """Seconds of two frames, one after the other."""
        started_s = time.perf_counter()
        for _ in range(2):
            self._next_frame(num_joint=0)
        return time.perf_counter() - started_s

    def jointly_s(self) -> float:
        """Seconds of two frames, the second drawn in the passes of the first."""
        started_s = time.perf_counter()
        self._next_frame(num_joint=1)
        frame = self._next_frame(num_joint=0)
        assert frame.is_joint, "the second frame was drawn alone"
        return time.perf_counter() - started_s

    def _next_frame(self, *, num_joint: int) -> Frame:
        frame = self._engine.begin("player", self._action)
        if num_joint:
            self._engine.draft_jointly("player", num_frames=num_joint)
        while frame is None:
            frame = next(iter(self._engine.advance() or ()), None)
        return frame
