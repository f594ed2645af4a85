"""A pass engine for the sessions of a world: openings, snapshots, flushes and cuts."""

from collections.abc import Mapping, Sequence

import torch

from model.context.policy import ContextPolicy
from model.context.sliding_window import SlidingWindow
from model.engine.engine import PassEngine
from model.engine.prefill import flushed_frames, opening_context, restored_context
from model.engine.rules import RequestRules
from model.engine.running.runner import MakeRunner, NFDRunner
from model.engine.scheduling.scheduler import Scheduler
from model.engine.types import ActionVector, Frame, FrameRequest
from model.place.state import stateless
from model.sampling.noise import check_seed
from model.snapshot import WorldSnapshot
from model.world import World


class WorldEngine(PassEngine):
    """Many sessions of a world on a device.

    `step` is the simple way: the next frame of every named session, in lockstep. Serving uses
    `begin` and `advance` of `PassEngine`. Use only `step` or only `begin` at a time.
    """

    def __init__(
        self,
        world: World,
        *,
        max_sessions: int = 4,
        device: str = "cpu",
        batch_sizes: Sequence[int] | None = None,
        policy: ContextPolicy | None = None,
        max_drafts: int = 1,
        max_joint: int = 0,
        merge: bool = True,
        make_runner: MakeRunner = NFDRunner,
    ) -> None:
        """Allocates all memory for `max_sessions`. Passes are padded to the next of `batch_sizes`
        and never larger than the last; default: `default_batch_sizes`. `policy`: default: the
        newest frames of the window that the world was trained with; ValueError for a policy that
        looks further back. `max_drafts`, `merge`: see Scheduler. `max_joint`: frames of a session
        that may be denoised jointly with another frame; each takes a frame of context from all
        frames. `make_runner`: `model.fast` has other runners, which generate the same frames up to
        rounding."""
        self.world = world
        self._device = torch.device(device)
        max_context = world.spec.nfd.window - 1 - max_joint
        self._policy = policy or SlidingWindow(max_context)
        if self._policy.max_frames > max_context:
            raise ValueError(f"trained with {max_context} frames of context, got {self._policy}")
        sizes = batch_sizes or default_batch_sizes(
            self._device.type, max_sessions * (1 + max_joint)
        )
        scheduler = Scheduler(
            self._policy,
            max_sessions=max_sessions,
            batch_sizes=sizes,
            max_drafts=max_drafts,
            max_joint=max_joint,
            merge=merge,
            advance=world.state_model.advance if world.state_model else stateless,
        )
        runner = make_runner(
            world,
            num_slots=max_sessions,
            pages_per_slot=self._policy.max_frames + 1 + max_joint,
            num_sinks=self._policy.num_sinks,
            max_drafts=max_drafts + max_joint,
            device=self._device,
        )
        rules = RequestRules(
            action_size=world.spec.nfd.action_size,
            num_steps=tuple(sorted(world.spec.sampler.times)),
            num_newest=self._policy.max_frames - self._policy.num_sinks,
            can_shorten_context=runner.can_shorten_context,
        )
        super().__init__(scheduler, runner, rules)

    @property
    def can_shorten_context(self) -> bool:
        """A request may ask for fewer frames of context than are kept."""
        return self._rules.can_shorten_context

    @property
    def num_newest(self) -> int:
        """Most frames that a frame attends to, besides sinks."""
        return self._rules.num_newest

    @property
    def num_free_pages(self) -> int:
        return self._scheduler.num_free_pages

    def open(self, session_id: str, *, start: int = 0, seed: int) -> None:
        """Opens a session after the start clip with index `start`, ready for the first frame.

        Raises ValueError for a wrong start or seed or an open session, NoFreeSlotError when all
        slots are taken.
        """
        self.admit(session_id, start=start, seed=seed)
        self._finish_prefill(session_id)

    def restore(self, session_id: str, snapshot: WorldSnapshot) -> None:
        """Opens a session from a snapshot and encodes the snapshot's frames.

        Raises SnapshotError (a ValueError) for a snapshot of another world, else as `open`.
        """
        self.admit_snapshot(session_id, snapshot)
        self._finish_prefill(session_id)

    def admit(self, session_id: str, *, start: int = 0, seed: int) -> None:
        """`open` without the passes: `advance` encodes the opening frames, a few in each pass, and
        other sessions do not wait. A frame may be begun at once."""
        check_seed(seed)
        self.load(session_id, seed, *opening_context(self.world, self._policy, start, seed=seed))

    def admit_snapshot(self, session_id: str, snapshot: WorldSnapshot) -> None:
        """`restore` without the passes, as `admit`. Frames that the engine's policy would not keep
        are left out."""
        snapshot.check_world(self.world)
        self.load(session_id, snapshot.seed, *restored_context(self._policy, snapshot))

    def is_in_prefill(self, session_id: str) -> bool:
        """The session's opening frames are still being encoded. Raises KeyError if the session is
        not open."""
        return self._scheduler.session(session_id).is_in_prefill

    def request(
        self,
        action: ActionVector,
        *,
        num_steps: int | None = None,
        context_length: int | None = None,
        deadline_s: float = 0.0,
    ) -> FrameRequest:
        """A request with the world's default number of denoise steps where none is given."""
        return FrameRequest(
            action=action,
            num_steps=self.world.spec.sampler.default_steps if num_steps is None else num_steps,
            context_length=context_length,
            deadline_s=deadline_s,
        )

    def step(
        self,
        actions: Mapping[str, ActionVector],
        *,
        num_steps: int | None = None,
        context_length: int | None = None,
    ) -> list[Frame]:
        """The next frame of every named session, in the order of slots. With `context_length` a
        frame attends to the newest so many kept frames, besides sinks. All frames stay kept, so
        later frames may attend to all of them again.

        Raises KeyError if a session is not open, ValueError for a wrong action size, number of
        steps or context length.
        """
        slots = {
            session_id: self._scheduler.session(session_id).pages.slot for session_id in actions
        }
        requests = {
            session_id: self._rules.checked(
                self.request(action, num_steps=num_steps, context_length=context_length)
            )
            for session_id, action in actions.items()
        }
        frames = {session_id: self.begin(session_id, r) for session_id, r in requests.items()}
        try:
            while not all(frames.values()):
                frames |= {f.session_id: f for f in self.advance(only=actions) or ()}
        except Exception:
            for session_id in actions:
                self.drop(session_id)
            raise
        finished = [frame for frame in frames.values() if frame]
        return sorted(finished, key=lambda frame: slots[frame.session_id])

    def snapshot(self, session_id: str, *, last_action_seq: int = 0) -> WorldSnapshot:
        """The session after its newest frame. Raises KeyError if the session is not open."""
        frame_idxs, clip = self.context(session_id)
        return WorldSnapshot(
            world_name=self.world.spec.name,
            world_version=self.world.spec.version,
            world_digest=self.world.digest,
            seed=self._scheduler.session(session_id).seed,
            frame_idxs=frame_idxs,
            last_action_seq=last_action_seq,
            engine_profile=f"{self._device.type} torch-{torch.__version__} {self.world.precision}",
            context=clip,
        )

    def flush(self, session_id: str, *, keep: int = 2) -> None:
        """Forgets all frames but the sinks and the newest `keep`, and encodes the kept frames anew:
        their keys then hold nothing of the forgotten frames. Raises KeyError if the session is not
        open."""
        frame_idxs, clip = self.context(session_id)
        num_sinks = self._scheduler.session(session_id).pages.placement.num_sinks
        kept = flushed_frames(len(clip), num_sinks=num_sinks, keep=keep)
        self.drop(session_id)
        self.reload(session_id, [frame_idxs[n] for n in kept], clip.pick(kept))

    def cut(self, session_id: str, *, start: int) -> None:
        """The session goes on in another start clip, as if played there until now. Frame indices go
        on, so no noise is drawn twice; no frame before the cut is attended to. Raises KeyError if
        the session is not open, ValueError for a wrong start."""
        session = self._scheduler.session(session_id)
        context = opening_context(
            self.world, self._policy, start, seed=session.seed, jump=session.pages.next_frame_idx
        )
        self.drop(session_id)
        self.reload(session_id, *context)

    def _finish_prefill(self, session_id: str) -> None:
        try:
            while self.is_in_prefill(session_id):
                self.advance(only=(session_id,))
        except Exception:
            self.close(session_id)
            raise


def default_batch_sizes(device_type: str, max_sessions: int) -> tuple[int, ...]:
    """Powers of two where a shape must be compiled or captured; every size on a CPU, where a padded
    row costs as much as a real row. Large enough to cache a frame and to denoise another frame of
    every session in a single pass."""
    max_rows = 2 * max_sessions
    if device_type == "cpu":
        return tuple(range(1, max_rows + 1))
    return tuple(2**power for power in range((max_rows - 1).bit_length() + 1))
