"""Many worlds on one device. Synchronous; owned by one thread; knows no network and no clock."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import torch

from model.cache.frame_store import ContextClip
from model.context.policy import ContextPolicy
from model.context.sliding_window import SlidingWindow
from model.engine.opening import frames_kept, opening_clip, opening_frame_idxs
from model.engine.passes import Passes
from model.engine.scheduling.scheduler import Scheduler
from model.engine.speculation import Speculation
from model.engine.types import ActionVector, Frame, FrameRequest
from model.fast.paths import FastPaths
from model.fast.runner import runner_of
from model.place.state import stateless
from model.sampling.noise import check_seed
from model.snapshot import WorldSnapshot
from model.world import World


class WorldEngine:
    """Draws frames in passes that all open sessions share.

    `step` is the simple door: the next frame of every session named, in lockstep. Behind it are
    passes: `begin` asks for one session's next frame, each `advance` runs one pass and returns what
    it finished. Between two passes anything may open, close or begin. Use one door at a time.
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
        paths: FastPaths | None = None,
    ) -> None:
        """Takes all memory at once, for `max_sessions`. Passes are padded to the next of
        `batch_sizes` and never larger than the last; `default_batch_sizes` when not given.
        `policy`: the newest frames of the window the world was trained with, when not given;
        ValueError for one that looks further back. `max_drafts`, `merge`: see Scheduler.
        `max_joint`: frames of a session that may be drawn along with one; they see what that one
        sees, so each takes a frame of context from all others.
        `paths`: forms for a GPU, which draw the same frames up to rounding; the plain ones when
        not given. With them `has_short_memory` is False: no frame may be told to see less."""
        self.world = world
        self._device = torch.device(device)
        max_context = world.spec.nfd.window - 1 - max_joint
        self._policy = policy or SlidingWindow(max_context)
        if self._policy.max_frames > max_context:
            raise ValueError(f"trained with {max_context} frames of context, got {self._policy}")
        sizes = batch_sizes or default_batch_sizes(
            self._device.type, max_sessions * (1 + max_joint)
        )
        self._scheduler = Scheduler(
            self._policy,
            max_sessions=max_sessions,
            batch_sizes=sizes,
            max_drafts=max_drafts,
            max_joint=max_joint,
            merge=merge,
            advance=world.state_model.advance if world.state_model else stateless,
        )
        runner = runner_of(paths)(
            world,
            num_slots=max_sessions,
            pages_per_slot=self._policy.max_frames + 1 + max_joint,
            num_sinks=self._policy.num_sinks,
            max_drafts=max_drafts + max_joint,
            device=self._device,
        )
        self._passes = Passes(self._scheduler, runner, action_size=world.spec.nfd.action_size)
        # What a captured pass attends over is a length in a buffer: it can have no holes.
        self.has_short_memory = paths is None

    @property
    def session_ids(self) -> tuple[str, ...]:
        return self._scheduler.session_ids

    @property
    def num_free_pages(self) -> int:
        return self._scheduler.num_free_pages

    @property
    def num_newest(self) -> int:
        """Frames that a frame sees besides itself and sinks, once there are as many."""
        return self._policy.max_frames - self._policy.num_sinks

    @property
    def is_due(self) -> bool:
        """Somebody waits for a frame."""
        return self._scheduler.is_due

    @property
    def speculation(self) -> Speculation:
        """What drafting has brought so far."""
        return self._passes.speculation

    def open(self, session_id: str, *, start: int = 0, seed: int) -> None:
        """A new session after the start clip of that index, ready for its first frame.

        Raises ValueError for a wrong start or seed or a session already open, NoFreeSlotError
        when all slots are taken.
        """
        self.admit(session_id, start=start, seed=seed)
        self._finish_opening(session_id)

    def restore(self, session_id: str, snapshot: WorldSnapshot) -> None:
        """Goes on from a snapshot, in a state that has just re-encoded the snapshot's frames.

        Raises SnapshotError (a ValueError) for a snapshot of another world, else as `open`.
        """
        self.admit_snapshot(session_id, snapshot)
        self._finish_opening(session_id)

    def admit(self, session_id: str, *, start: int = 0, seed: int) -> None:
        """`open` without its passes: they come with `advance`, a little in each, so that nobody
        waits for the newcomer. A frame may be begun at once."""
        check_seed(seed)
        frame_idxs, clip = self._opening(start, seed)
        self._passes.load(session_id, seed, frame_idxs, clip)

    def admit_snapshot(self, session_id: str, snapshot: WorldSnapshot) -> None:
        """`restore` without its passes, as `admit`. The engine that it comes from may have looked
        further back: what this one does not look at is left out."""
        snapshot.check_world(self.world)
        kept = frames_kept(self._policy, snapshot.frame_idxs)
        frame_idxs = [snapshot.frame_idxs[number] for number in kept]
        self._passes.load(session_id, snapshot.seed, frame_idxs, snapshot.context.pick(kept))

    def is_opening(self, session_id: str) -> bool:
        """Its opening frames are still being encoded. Raises KeyError if it is not open."""
        return self._scheduler.session(session_id).is_opening

    def step(
        self,
        actions: Mapping[str, ActionVector],
        *,
        num_steps: int | None = None,
        memory: int | None = None,
    ) -> list[Frame]:
        """The next frame of every session named, drawn with `num_steps` denoise steps (the
        world's default when not given). With `memory` it sees the newest so many frames, besides
        sinks, of those that the policy keeps: it costs less, and no frame is kept less long for
        it, so that the next one may see all of them again. Raises KeyError for a session that is
        not open, ValueError for a wrong action size, number of steps or memory."""
        slots = {
            session_id: self._scheduler.session(session_id).pages.slot for session_id in actions
        }
        requests = {
            session_id: self._checked(self.request(action, num_steps=num_steps, memory=memory))
            for session_id, action in actions.items()
        }
        frames = {
            session_id: self._passes.begin(session_id, request)
            for session_id, request in requests.items()
        }
        try:
            while not all(frames.values()):
                frames |= {f.session_id: f for f in self.advance(only=actions) or ()}
        except Exception:
            for session_id in actions:
                self._passes.drop(session_id)
            raise
        finished = [frame for frame in frames.values() if frame]
        return sorted(finished, key=lambda frame: slots[frame.session_id])

    def request(
        self,
        action: ActionVector,
        *,
        num_steps: int | None = None,
        memory: int | None = None,
        deadline_s: float = 0.0,
    ) -> FrameRequest:
        """A request with the world's default number of denoise steps where none is given."""
        sampler = self.world.spec.sampler
        return FrameRequest(
            action=action,
            num_steps=sampler.default_steps if num_steps is None else num_steps,
            context_length=memory,
            deadline_s=deadline_s,
        )

    def begin(self, session_id: str, request: FrameRequest) -> Frame | None:
        """Asks for the session's next frame. The frame is returned at once if an equal request was
        drafted and is finished; else `advance` will return it.

        Raises KeyError for a session that is not open, RuntimeError for one whose frame is
        still being drawn, ValueError for a request that this engine cannot fulfil.
        """
        return self._passes.begin(session_id, self._checked(request))

    def draft(self, session_id: str, request: FrameRequest) -> None:
        """Begins the session's next frame early, under an action that it may have; up to
        `max_drafts` under different ones. Passes draw drafts when nobody waits for them, or in rows
        that would be padding. Whatever comes of it, the session's frames are those it would have
        had without. Raises as `begin`; RuntimeError also for a draft it has or one too many."""
        self._passes.draft(session_id, self._checked(request))

    def draft_jointly(self, session_id: str, *, num_frames: int = 1) -> int:
        """The frames after the one that somebody waits for are drawn in its very passes, under its
        action: the paper's speculation (NFD, arXiv 2506.01380). `begin` then returns them, one by
        one, for as long as the action stays the same; the first other one ends it.

        They are not the frames that would be drawn alone: each leans on the frame before it as it
        was in that pass, not yet clean, and is marked `is_joint`. The frame that they go with
        does not change by it. Returns how many were begun: none for a frame that is under way.
        Raises KeyError for a session that is not open, RuntimeError for one that is not due, or
        for more than `max_joint` frames.
        """
        return self._passes.draft_jointly(session_id, num_frames)

    def hasten(self, session_id: str, *, memory: int) -> bool:
        """The frame that somebody waits for sees no more than the newest `memory` frames, besides
        sinks, in the denoise steps that are left: it is there sooner, and another frame. Frames
        that were drawn jointly with it are given up. False, and nothing has changed, if it sees no
        more already. Raises KeyError for a session that is not
        open, RuntimeError for one that waits for nothing, ValueError as `step`."""
        return self._passes.hasten(session_id, self._check_memory(memory))

    def steps_left(self, session_id: str) -> int:
        """Denoise steps until the frame that somebody waits for is finished; 0 when nobody does.
        Raises KeyError for a session that is not open."""
        due = self._scheduler.session(session_id).due
        return due.num_steps - due.denoise_step if due else 0

    def is_drafting(self, session_id: str) -> bool:
        """A draft of it is not finished yet. Raises KeyError if it is not open."""
        return bool(self._scheduler.session(session_id).unfinished_drafts)

    def advance(self, only: Collection[str] | None = None) -> list[Frame] | None:
        """One pass, for the sessions in `only` if given. The frames that somebody asked for and
        that it finished; None when there was nothing to do. After an exception every session is
        where it was before the pass, and may be tried again."""
        return self._passes.advance(only)

    def snapshot(self, session_id: str, *, last_action_seq: int = 0) -> WorldSnapshot:
        """The session as it is after its newest frame. Raises KeyError if it is not open."""
        frame_idxs, clip = self._passes.context(session_id)
        return WorldSnapshot(
            world_name=self.world.spec.name,
            world_version=self.world.spec.version,
            world_digest=self.world.digest,
            seed=self._scheduler.session(session_id).seed,
            frame_idxs=frame_idxs,
            last_action_seq=last_action_seq,
            engine_profile=(
                f"{self._device.type} torch-{torch.__version__} {self.world.precision}"
            ),
            context=clip,
        )

    def flush(self, session_id: str, *, keep: int = 2) -> None:
        """Forgets all but the sinks and the newest `keep` frames and encodes those anew, so that
        nothing of the rest is left in their keys either. Raises KeyError if it is not open."""
        frame_idxs, clip = self._passes.context(session_id)
        num_sinks = self._scheduler.session(session_id).pages.placement.num_sinks
        newest = range(max(num_sinks, len(clip) - keep), len(clip))
        kept = [*range(num_sinks), *newest]
        self._passes.drop(session_id)
        self._passes.reload(session_id, [frame_idxs[n] for n in kept], clip.pick(kept))

    def cut(self, session_id: str, *, start: int) -> None:
        """The session goes on in another start clip, as if it had been played there until now:
        frame indices jump, nothing of what was before is seen, no noise is drawn twice. Raises
        KeyError if the session is not open, ValueError for a wrong start."""
        session = self._scheduler.session(session_id)
        jump = session.pages.next_frame_idx
        frame_idxs, clip = self._opening(start, session.seed, jump)
        self._passes.drop(session_id)
        self._passes.reload(session_id, frame_idxs, clip)

    def close(self, session_id: str) -> None:
        """Frees the session's pages. Raises KeyError if it is not open."""
        self._passes.close(session_id)

    def check_integrity(self) -> None:
        """Asserts that no page is lost or shared. For tests and idle moments."""
        self._scheduler.check_integrity()

    def _opening(self, start: int, seed: int, jump: int = 0) -> tuple[tuple[int, ...], ContextClip]:
        if not 0 <= start < len(self.world.starts):
            raise ValueError(f"start must be below {len(self.world.starts)}, got {start}")
        opening = self.world.starts[start]
        frame_idxs = opening_frame_idxs(opening, self._policy.max_frames)
        context_t = self.world.spec.sampler.context_t
        clip = opening_clip(opening, frame_idxs, seed=seed, context_t=context_t, jump=jump)
        return tuple(frame_idx + jump for frame_idx in frame_idxs), clip

    def _finish_opening(self, session_id: str) -> None:
        try:
            while self.is_opening(session_id):
                self.advance(only=(session_id,))
        except Exception:
            self.close(session_id)
            raise

    def _checked(self, request: FrameRequest) -> FrameRequest:
        """The request as the scheduler takes it. Raises ValueError for a wrong one."""
        action_size, times = self.world.spec.nfd.action_size, self.world.spec.sampler.times
        if len(request.action) != action_size:
            raise ValueError(f"action of {action_size} expected, got {len(request.action)}")
        if request.num_steps not in times:
            raise ValueError(f"num_steps must be one of {sorted(times)}, got {request.num_steps}")
        context_length = self._check_memory(request.context_length)
        if context_length == request.context_length:
            return request
        return replace(request, context_length=context_length)

    def _check_memory(self, memory: int | None) -> int | None:
        """None if it is no less than what is kept."""
        if memory is None or memory >= self.num_newest:
            return None
        if memory < 1:
            raise ValueError(f"a frame sees at least 1 frame before it, got memory {memory}")
        if not self.has_short_memory:
            raise ValueError(f"with fast paths a frame sees all that is kept, got memory {memory}")
        return memory


def default_batch_sizes(device_type: str, max_sessions: int) -> tuple[int, ...]:
    """Powers of two where a shape must be compiled or captured; every size on a CPU, where a
    padded row costs as much as a real one. Enough for all sessions to remember and draw at once."""
    max_rows = 2 * max_sessions
    if device_type == "cpu":
        return tuple(range(1, max_rows + 1))
    return tuple(2**power for power in range((max_rows - 1).bit_length() + 1))
