"""Players who hold a key, and what speculation does for them. Knows the engine's door only."""

import time
from collections.abc import Sequence

import torch

from model.engine.types import Frame
from model.engine.world_engine import WorldEngine
from model.fast import FastPaths, runner_of
from model.world import World


class HeldKey:
    """Sessions whose action never changes. `max_joint`, `paths`: as the engine's."""

    def __init__(
        self,
        world: World,
        device: torch.device,
        *,
        players: int = 1,
        max_joint: int = 0,
        paths: FastPaths | None = None,
    ) -> None:
        self._engine = WorldEngine(
            world,
            max_sessions=players,
            device=str(device),
            max_joint=max_joint,
            make_runner=runner_of(paths),
        )
        self._names = [str(seed) for seed in range(players)]
        for seed, name in enumerate(self._names):
            self._engine.open(name, seed=seed)
        self._period_s = 1 / world.spec.fps
        action = (0.0,) * world.spec.nfd.action_size
        self._request = self._engine.request(action)
        self._engine.step(dict.fromkeys(self._names, action))

    def wait_s(self) -> float:
        """Drawn ahead: what the spare time of a frame period could not hide of the next frame,
        and the answer itself."""
        started_s = time.perf_counter()
        for name in self._names:
            self._engine.draft(name, self._request)
        while self._engine.advance() is not None:
            pass
        asked_s = time.perf_counter()
        frames = [self._engine.begin(name, self._request) for name in self._names]
        assert all(frames), "a draft was not ready"
        late_s = max(0.0, asked_s - started_s - self._period_s)
        return late_s + time.perf_counter() - asked_s

    def alone_s(self) -> float:
        """Seconds of two frames for everybody, one after the other."""
        started_s = time.perf_counter()
        _look([*self._next_frames(), *self._next_frames()])
        return time.perf_counter() - started_s

    def jointly_s(self) -> float:
        """Seconds of two frames for everybody, the second drawn in the passes of the first."""
        started_s = time.perf_counter()
        first, second = self._next_frames(num_joint=1), self._next_frames()
        _look([*first, *second])
        assert all(frame.is_joint for frame in second), "a second frame was drawn alone"
        return time.perf_counter() - started_s

    def _next_frames(self, *, num_joint: int = 0) -> Sequence[Frame]:
        begun = [self._engine.begin(name, self._request) for name in self._names]
        if num_joint:
            for name in self._names:
                self._engine.draft_jointly(name, num_frames=num_joint)
        frames = [frame for frame in begun if frame is not None]
        while self._engine.has_in_flight:
            frames += self._engine.advance() or ()
        return frames


def _look(frames: Sequence[Frame]) -> None:
    """Images may be unfinished when their sessions are given the frames."""
    for frame in frames:
        frame.image.rgb()
