"""Many worlds on one device. Synchronous; owned by one thread; knows no network and no clock."""

from collections.abc import Mapping, Sequence

import torch

from model.cache.frame_store import ContextClip
from model.context.sliding_window import SlidingWindow
from model.engine.opening import opening_clip, opening_frame_idxs
from model.engine.runner import NFDRunner, Runner
from model.engine.scheduler import Scheduler
from model.engine.types import ActionVector, Frame
from model.sampling.noise import check_seed
from model.snapshot import WorldSnapshot
from model.world import World


class WorldEngine:
    """Each `step` gives every session named its next frame, all in one batch."""

    def __init__(
        self,
        world: World,
        *,
        max_sessions: int = 4,
        device: str = "cpu",
        batch_sizes: Sequence[int] | None = None,
    ) -> None:
        """Takes all memory at once, for `max_sessions`. Batches are padded to the next of
        `batch_sizes`; `default_batch_sizes` when not given."""
        self.world = world
        self._device = torch.device(device)
        policy = SlidingWindow(world.spec.nfd.window - 1)
        sizes = batch_sizes or default_batch_sizes(self._device.type, max_sessions)
        self._scheduler = Scheduler(policy, max_sessions=max_sessions, batch_sizes=sizes)
        self._runner: Runner = NFDRunner(
            world,
            num_slots=max_sessions,
            pages_per_slot=policy.max_frames + 1,
            device=self._device,
        )

    @property
    def session_ids(self) -> tuple[str, ...]:
        return self._scheduler.session_ids

    @property
    def num_free_pages(self) -> int:
        return self._scheduler.num_free_pages

    def open(self, session_id: str, *, start: int = 0, seed: int) -> None:
        """A new session after the start clip of that index.

        Raises ValueError for a wrong start or seed or a session already open, NoFreeSlotError
        when all slots are taken.
        """
        if not 0 <= start < len(self.world.starts):
            raise ValueError(f"start must be below {len(self.world.starts)}, got {start}")
        check_seed(seed)
        opening = self.world.starts[start]
        frame_idxs = opening_frame_idxs(opening, self.world.spec.nfd.window - 1)
        context_t = self.world.spec.sampler.context_t
        clip = opening_clip(opening, frame_idxs, seed=seed, context_t=context_t)
        self._prefill(session_id, seed, frame_idxs, clip)

    def restore(self, session_id: str, snapshot: WorldSnapshot) -> None:
        """Goes on from a snapshot, in a state that has just re-encoded the snapshot's frames.

        Raises SnapshotError (a ValueError) for a snapshot of another world, else as `open`.
        """
        snapshot.check_world(self.world)
        self._prefill(session_id, snapshot.seed, snapshot.frame_idxs, snapshot.context)

    def step(
        self, actions: Mapping[str, ActionVector], *, num_steps: int | None = None
    ) -> list[Frame]:
        """The next frame of every session named, drawn with `num_steps` denoise steps (the
        world's default when not given). Raises KeyError for a session that is not open,
        ValueError for a wrong action size or number of steps."""
        if not actions:
            return []
        self._check_actions(actions)
        plan = self._scheduler.plan(actions, self._check_steps(num_steps))
        frames = self._runner.run(plan)
        self._scheduler.commit(plan)
        return frames

    def snapshot(self, session_id: str, *, last_action_seq: int = 0) -> WorldSnapshot:
        """The session as it is after its newest frame. Raises KeyError if it is not open."""
        session = self._scheduler.session(session_id)
        pages = session.pages.context()
        return WorldSnapshot(
            world_name=self.world.spec.name,
            world_version=self.world.spec.version,
            world_digest=self.world.digest,
            seed=session.seed,
            frame_idxs=tuple(pages),
            last_action_seq=last_action_seq,
            engine_profile=f"{self._device.type} torch-{torch.__version__}",
            context=self._runner.read_context(session.pages.slot, list(pages.values())),
        )

    def close(self, session_id: str) -> None:
        """Frees the session's pages. Raises KeyError if it is not open."""
        self._scheduler.close(session_id)

    def check_integrity(self) -> None:
        """Asserts that no page is lost or shared. For tests and idle moments."""
        self._scheduler.check_integrity()

    def _prefill(
        self, session_id: str, seed: int, frame_idxs: Sequence[int], clip: ContextClip
    ) -> None:
        plan = self._scheduler.plan_open(session_id, seed, frame_idxs)
        self._runner.prefill(plan, clip)
        self._scheduler.commit_open(plan)

    def _check_actions(self, actions: Mapping[str, ActionVector]) -> None:
        size = self.world.spec.nfd.action_size
        for session_id, action in actions.items():
            if len(action) != size:
                raise ValueError(f"{session_id!r}: action of {size} expected, got {len(action)}")

    def _check_steps(self, num_steps: int | None) -> int:
        sampler = self.world.spec.sampler
        chosen = sampler.default_steps if num_steps is None else num_steps
        if chosen not in sampler.times:
            raise ValueError(f"num_steps must be one of {sorted(sampler.times)}, got {chosen}")
        return chosen


def default_batch_sizes(device_type: str, max_sessions: int) -> tuple[int, ...]:
    """Powers of two where a shape must be compiled or captured; every size on a CPU, where a
    padded row costs as much as a real one."""
    if device_type == "cpu":
        return tuple(range(1, max_sessions + 1))
    return tuple(2**power for power in range((max_sessions - 1).bit_length() + 1))
