"""Dreams that ask whether a place stays, through the serving path."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.world import World
from training.data.recording import Recording
from training.data.states import states_of
from training.evaluate.clips.evaluation_clips import EvaluationClip
from training.evaluate.measures.place import (
    PlaceFigures,
    PlacePoint,
    is_back,
    measure_point,
    other_views,
)
from training.evaluate.rollouts.generate import RolloutRequest, generate, reconstruct
from training.evaluate.rollouts.recorded_states import following

FRAMES = (16, 300)
_SEED = 0


def measure_place(
    world: World,
    groups: Sequence[Sequence[EvaluationClip]],
    starts: Sequence[Recording],
    videos: Sequence[Recording],
    *,
    num_steps: int,
) -> PlaceFigures | None:
    """`groups`: passages of one length each; every frame of FRAMES is measured in the first group
    that reaches it. `starts`: where to turn round once, `films` the place's other views. None for a
    world without a place."""
    if world.state_model is None:
        return None
    points = []
    for frame in FRAMES:
        reaching = [group for group in groups if len(group[0].following.frames) >= frame]
        if reaching:
            points.append(_measure_frame(world, reaching[0], frame, num_steps))
    rng = np.random.default_rng(_SEED)
    backs = [
        is_back(turned[0], turned[-1], other_views(videos, start.poses[-1], rng))
        for start, turned in zip(starts, _turned_round(world, starts, num_steps), strict=True)
    ]
    return PlaceFigures(
        points=tuple(points),
        loop_closure=float(np.mean(backs)) if backs else None,
        num_loops=len(backs),
    )


def _measure_frame(
    world: World, clips: Sequence[EvaluationClip], frame: int, num_steps: int
) -> PlacePoint:
    assert world.state_model is not None
    whole = [_joined(clip, frame) for clip in clips]
    requests = [
        RolloutRequest(context=clip.context, actions_TA=clip.following.actions[:frame])
        for clip in clips
    ]
    own, true = (
        [
            generated.frames
            for generated in generate(each, requests, num_steps=num_steps, title=title)
        ]
        for title, each in (
            (f"own states, {frame} frames", world),
            (f"true states, {frame} frames", following(world, whole)),
        )
    )
    real = [clip.following.frames[:frame] for clip in clips]
    return measure_point(
        frame,
        real=real,
        rebuilt=[_last_rebuilt(world, video) for video in real],
        own=own,
        true=true,
        lost=[_lost(world, clip, video) for clip, video in zip(clips, whole, strict=True)],
    )


def _joined(clip: EvaluationClip, frame: int) -> Recording:
    context, after = clip.context, clip.following.part(0, frame)
    return Recording(
        frames=np.concatenate((context.frames, after.frames)),
        actions=np.concatenate((context.actions, after.actions)),
        poses=np.concatenate((context.poses, after.poses)),
        cuts=np.concatenate((context.cuts, after.cuts)),
    )


def _last_rebuilt(world: World, video: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The film, of which only the last frame went through the tokenizer."""
    return np.concatenate((video[:-1], reconstruct(world.tokenizer, video[-1:])))


def _lost(world: World, clip: EvaluationClip, whole: Recording) -> float:
    """Map units from where the own state ends to where the player did."""
    model = world.state_model
    assert model is not None
    state = tuple(states_of(whole, model)[len(clip.context.frames) - 1].tolist())
    for action in whole.actions[len(clip.context.frames) :].tolist():
        state = model.advance(state, action)
    x, y, _ = whole.poses[-1]
    return float(np.hypot(state[0] - x, state[1] - y))


def _turned_round(
    world: World, starts: Sequence[Recording], num_steps: int
) -> list[NDArray[np.uint8]]:
    """Pictures of a rest, then of one whole turn to the right by key."""
    space = world.spec.action_space
    rest = space.vector_of(set(), 0.0)
    right = space.vector_of(set(), space.key_turn_deg)
    actions = np.array([rest, *[right] * round(360.0 / space.key_turn_deg)], np.float32)
    if not starts:
        return []
    requests = [RolloutRequest(context=start, actions_TA=actions) for start in starts]
    return [
        turn.frames for turn in generate(world, requests, num_steps=num_steps, title="turn round")
    ]
