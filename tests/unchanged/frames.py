"""Digests of frames, latents and pixels, for every world, context policy and way of asking.

A scenario plays one engine from a fixed seed and gives one digest for each frame, so that a
difference names the first frame that is another one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.context.policy import ContextPolicy
from model.context.sink_window import SinkWindow
from model.context.sliding_window import SlidingWindow
from model.engine.prefill import opening_clip, opening_frame_idxs
from model.engine.reference import ReferenceSession
from model.engine.types import ActionVector, Frame
from model.engine.world_engine import WorldEngine
from model.fast import FastPaths, runner_of
from model.snapshot import WorldSnapshot
from model.world import World
from tests.unchanged.baseline import baseline_frames
from tests.unchanged.comparison import Recording
from tests.unchanged.worlds import shipped_worlds, small_worlds

Digests = list[str]
Engine = Callable[..., WorldEngine]  # makes one with further options
SEED = 5
NUM_FRAMES = 10
NUM_SHIPPED_FRAMES = 5


def record() -> Recording:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return dict(_all())
    finally:
        torch.set_num_threads(threads)


def _all() -> Iterator[tuple[str, Any]]:
    for name, world in small_worlds().items():
        for policy_name, policy in _policies(world).items():
            for scenario, play in SCENARIOS.items():
                film = play(world, policy, NUM_FRAMES)
                yield f"{name}/{policy_name}/{scenario}", film
        if world.precision == "fp32" and world.state_model is None:
            yield f"{name}/reference", reference(world)
    for name, world in shipped_worlds():
        for policy_name, policy in _policies(world).items():
            for scenario in ("alone", "company", "shortened", "drafts"):
                film = SCENARIOS[scenario](world, policy, NUM_SHIPPED_FRAMES)
                yield f"{name}/{policy_name}/{scenario}", film
    yield "baseline", [_digest(pixels) for pixels in baseline_frames(NUM_FRAMES)]


def _policies(world: World) -> Mapping[str, ContextPolicy]:
    """One frame shorter than the world was trained with, so that one joint frame fits."""
    most = world.spec.nfd.window - 2
    return {
        "newest": SlidingWindow(most),
        "sinks": SinkWindow(num_sinks=1, window=most - 1),
    }


def alone(world: World, policy: ContextPolicy, num_frames: int) -> Digests:
    engine = _engine(world, policy)
    return _play_steps(engine, _actions(world, 0, num_frames))


def separate_passes(world: World, policy: ContextPolicy, num_frames: int) -> Digests:
    engine = _engine(world, policy, merge=False)
    return _play_steps(engine, _actions(world, 0, num_frames))


def fast_forms(world: World, policy: ContextPolicy, num_frames: int) -> Digests:
    """The runner for GPUs, in its plain forms on the CPU."""
    if world.precision != "fp32" or world.state_model is not None:
        return []
    engine = _engine(world, policy, make_runner=runner_of(FastPaths()))
    return _play_steps(engine, _actions(world, 0, num_frames))


def company(world: World, policy: ContextPolicy, num_frames: int) -> Digests:
    """Two strangers play along; the second is admitted slowly, the first leaves."""
    engine = _engine(world, policy, max_sessions=3)
    engine.open("me", start=_last(world), seed=SEED)
    engine.open("first", start=0, seed=SEED + 1)
    engine.admit("second", start=_last(world), seed=SEED + 2)
    digests = []
    logs = [_actions(world, player, num_frames) for player in range(3)]
    for number, actions in enumerate(zip(*logs, strict=True)):
        wanted = dict(zip(("me", "first", "second"), actions, strict=True))
        if number >= num_frames // 2:
            del wanted["first"]
        if number == num_frames // 2:
            engine.close("first")
        for session_id, action in wanted.items():
            engine.begin(session_id, engine.request(action, num_steps=_steps(world, number)))
        digests += _finish(engine, set(wanted))
    return digests


def shortened(world: World, policy: ContextPolicy, num_frames: int) -> Digests:
    """Every other frame sees few frames; some lose theirs after their first denoise step."""
    engine = _engine(world, policy)
    engine.open("me", start=_last(world), seed=SEED)
    most_steps = max(world.spec.sampler.times)
    digests = []
    for number, action in enumerate(_actions(world, 0, num_frames)):
        context_length = (None, 1, 2)[number % 3]
        engine.begin(
            "me", engine.request(action, num_steps=most_steps, context_length=context_length)
        )
        if number % 4 == 0:
            engine.advance()
            if engine.has_in_flight:
                engine.shorten_context("me", context_length=1)
        digests += _finish(engine, {"me"})
    return digests


def drafts(world: World, policy: ContextPolicy, num_frames: int) -> Digests:
    """Two drafts for each frame; every third frame takes neither."""
    engine = _engine(world, policy, max_drafts=2)
    engine.open("me", start=_last(world), seed=SEED)
    log, others = _actions(world, 0, num_frames), _actions(world, 1, num_frames)
    digests = []
    for number, (action, other) in enumerate(zip(log, others, strict=True)):
        engine.draft("me", engine.request(other))
        if number % 3:
            engine.draft("me", engine.request(action))
        for _ in range(1 + number % 4):
            engine.advance()
        digests += _ask(engine, "me", action)
    return [*digests, _counts(engine)]


def joint(world: World, policy: ContextPolicy, num_frames: int) -> Digests:
    """Each action twice: the second frame of each pair is jointly denoised, but every third."""
    engine = _engine(world, policy, max_joint=1)
    engine.open("me", start=_last(world), seed=SEED)
    digests = []
    for number, action in enumerate(_actions(world, 0, num_frames)):
        digests += _ask(engine, "me", action, is_joint=True)
        if number % 3:
            digests += _ask(engine, "me", action)
    return [*digests, _counts(engine)]


def saved_and_changed(world: World, policy: ContextPolicy, num_frames: int) -> Digests:
    """Snapshot bytes, another engine that goes on from them, a flush, a cut."""
    engine = _engine(world, policy)
    digests = _play_steps(engine, _actions(world, 0, num_frames))
    blob = engine.snapshot("me", last_action_seq=7).to_bytes()
    restored = _engine(world, policy)
    restored.restore("me", WorldSnapshot.from_bytes(blob))
    digests.append(f"snapshot {sha256(blob).hexdigest()[:16]}")
    later = _actions(world, 2, 3)
    digests += _steps_of(restored, later)
    engine.flush("me")
    digests += _steps_of(engine, later)
    engine.cut("me", start=0)
    return digests + _steps_of(engine, later)


SCENARIOS: Mapping[str, Callable[[World, ContextPolicy, int], Digests]] = {
    "alone": alone,
    "separate passes": separate_passes,
    "fast forms": fast_forms,
    "company": company,
    "shortened": shortened,
    "drafts": drafts,
    "joint": joint,
    "saved and changed": saved_and_changed,
}


def reference(world: World) -> Digests:
    """The loop without a cache: latents only."""
    start = world.starts[_last(world)]
    frame_idxs = opening_frame_idxs(start, world.spec.nfd.window - 1)
    context_t = world.spec.sampler.context_t
    clip = opening_clip(start, frame_idxs, seed=SEED, context_t=context_t)
    session = ReferenceSession(world, clip, frame_idxs, seed=SEED)
    return [
        _digest(session.step(action, _steps(world, number)))
        for number, action in enumerate(_actions(world, 0, NUM_FRAMES))
    ]


def _engine(world: World, policy: ContextPolicy, **options: Any) -> WorldEngine:
    return WorldEngine(world, policy=policy, **options)


def _play_steps(engine: WorldEngine, actions: Sequence[ActionVector]) -> Digests:
    engine.open("me", start=_last(engine.world), seed=SEED)
    return _steps_of(engine, actions)


def _steps_of(engine: WorldEngine, actions: Sequence[ActionVector]) -> Digests:
    digests = []
    for number, action in enumerate(actions):
        frames = engine.step({"me": action}, num_steps=_steps(engine.world, number))
        digests += [_of_frame(engine, frame) for frame in frames]
    return digests


def _ask(
    engine: WorldEngine, session_id: str, action: ActionVector, *, is_joint: bool = False
) -> Digests:
    """The session's next frame; with `is_joint` the frame after is denoised along with it."""
    frame = engine.begin(session_id, engine.request(action))
    if frame is not None:
        return [_of_frame(engine, frame)]
    if is_joint:
        engine.draft_jointly(session_id)
    return _finish(engine, {session_id})


def _finish(engine: WorldEngine, session_ids: set[str]) -> Digests:
    """Passes until all the sessions have their frames; digests by session."""
    found: dict[str, str] = {}
    while engine.has_in_flight:
        for frame in engine.advance() or ():
            found[frame.session_id] = _of_frame(engine, frame)
    assert found.keys() <= session_ids
    return [found[session_id] for session_id in sorted(found)]


def _of_frame(engine: WorldEngine, frame: Frame) -> str:
    latents_Chw = engine.snapshot(frame.session_id).context.latents_FChw[-1]
    marks = f"{frame.session_id} {frame.frame_idx} steps {frame.num_steps}"
    marks += " draft" * frame.is_speculative + " joint" * frame.is_joint
    state = f" state {_digest(np.array(frame.state))}" if frame.state else ""
    return f"{marks} latents {_digest(latents_Chw)} pixels {_digest(frame.pixels)}{state}"


def _counts(engine: WorldEngine) -> str:
    """Drafts begun, accepted and discarded."""
    found = engine.speculation
    return "; ".join(
        f"{name} {counts.drafted} {counts.accepted} {counts.discarded}"
        for name, counts in (("exact", found.exact), ("joint", found.joint))
    )


def _actions(world: World, player: int, num_frames: int) -> list[ActionVector]:
    """Each action is held for two frames."""
    generator = torch.Generator().manual_seed(player)
    values = torch.randn(num_frames, world.spec.nfd.action_size, generator=generator)
    return [tuple(values[number // 2].tolist()) for number in range(num_frames)]


def _steps(world: World, number: int) -> int:
    choices = sorted(world.spec.sampler.times)
    return choices[number % len(choices)]


def _last(world: World) -> int:
    return len(world.starts) - 1


def _digest(values: Tensor | np.ndarray[Any, Any]) -> str:
    array = values.numpy() if isinstance(values, Tensor) else values
    return sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]
