"""The engine's promises (each test's name is one), for every sampler and random weights."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from model.engine.prefill import opening_clip, opening_frame_idxs
from model.engine.reference import ReferenceSession
from model.engine.types import ActionVector
from model.engine.world_engine import WorldEngine
from model.world import World

Log = Callable[[int, int], list[ActionVector]]
NUM_FRAMES = 14  # nearly three times the window: rings wrap
SHORT_START, LONG_START = 0, 1


def newest_latents(engine: WorldEngine, session_id: str) -> Tensor:
    """(C, h, w) of the newest frame, unrounded: pixels hide small differences."""
    return engine.snapshot(session_id).context.latents_FChw[-1]


def play(engine: WorldEngine, session_id: str, actions: list[ActionVector]) -> list[Tensor]:
    latents = []
    for action in actions:
        engine.step({session_id: action})
        latents.append(newest_latents(engine, session_id))
    return latents


def reference(world: World, start: int, seed: int) -> ReferenceSession:
    """The same session, recomputing everything in every pass."""
    frame_idxs = opening_frame_idxs(world.starts[start], world.spec.nfd.window - 1)
    context_t = world.spec.sampler.context_t
    clip = opening_clip(world.starts[start], frame_idxs, seed=seed, context_t=context_t)
    return ReferenceSession(world, clip, frame_idxs, seed=seed)


@pytest.mark.parametrize("start", [SHORT_START, LONG_START])
@pytest.mark.parametrize("num_steps", [1, 3])
def test_cached_stepping_is_one_masked_pass_over_the_same_frames(
    any_world: World, action_log: Log, start: int, num_steps: int
) -> None:
    engine = WorldEngine(any_world)
    engine.open("a", start=start, seed=5)
    truth = reference(any_world, start, seed=5)
    for action in action_log(0, NUM_FRAMES):
        engine.step({"a": action}, num_steps=num_steps)
        truth.step(action, num_steps)
        noisy_Chw = newest_latents(engine, "a")
        torch.testing.assert_close(noisy_Chw, truth.context.latents_FChw[-1], atol=1e-5, rtol=1e-5)


def test_no_frame_depends_on_a_later_action(any_world: World, action_log: Log) -> None:
    actions = action_log(0, NUM_FRAMES)
    changed = [*actions[:6], action_log(1, 1)[0], *actions[7:]]
    engine = WorldEngine(any_world)
    engine.open("a", seed=5)
    first = play(engine, "a", actions)
    engine.close("a")
    engine.open("a", seed=5)
    second = play(engine, "a", changed)
    same = [torch.equal(one, other) for one, other in zip(first, second, strict=True)]
    assert same == [True] * 6 + [False] * (NUM_FRAMES - 6)


def test_frames_are_the_same_alone_or_among_strangers_bitwise_at_equal_shapes(
    any_world: World, action_log: Log
) -> None:
    """Strangers come, go and pause, at other frames, in other slots and rows."""
    alone = WorldEngine(any_world, batch_sizes=(4,))
    alone.open("me", start=LONG_START, seed=5)
    actions = action_log(0, NUM_FRAMES)
    wanted_pixels, wanted = [], []
    for action in actions:
        wanted_pixels.append(alone.step({"me": action})[0].pixels)
        wanted.append(newest_latents(alone, "me"))

    crowd = WorldEngine(any_world, batch_sizes=(4,))
    for stranger in ("x", "y"):
        crowd.open(stranger, seed=9)
        play(crowd, stranger, action_log(2, 3))
    crowd.open("me", start=LONG_START, seed=5)
    for number, action in enumerate(actions):
        if number == 4:
            crowd.close("x")
        if number == 7:
            crowd.open("z", seed=11)
        strangers = [s for s in crowd.session_ids if s != "me" and (number + len(s)) % 3]
        others = {s: action_log(3, NUM_FRAMES)[number] for s in strangers}
        frames = {frame.session_id: frame for frame in crowd.step({**others, "me": action})}
        assert frames.keys() == {*strangers, "me"}
        assert np.array_equal(frames["me"].pixels, wanted_pixels[number])
        assert torch.equal(newest_latents(crowd, "me"), wanted[number])


def test_frames_are_the_same_alone_or_among_strangers_at_any_shape(
    any_world: World, action_log: Log
) -> None:
    alone, crowd = WorldEngine(any_world), WorldEngine(any_world)
    alone.open("me", seed=5)
    for session_id in ("x", "me", "y"):
        crowd.open(session_id, seed=5 if session_id == "me" else 9)
    for number, action in enumerate(action_log(0, NUM_FRAMES)):
        alone.step({"me": action})
        others = dict.fromkeys(["x", "y"][: number % 3], action)
        crowd.step({"me": action, **others})
        torch.testing.assert_close(
            newest_latents(crowd, "me"), newest_latents(alone, "me"), atol=1e-5, rtol=1e-5
        )


def test_the_same_seed_and_actions_give_the_same_frames_again(
    any_world: World, action_log: Log
) -> None:
    pixels = []
    for engine in (WorldEngine(any_world), WorldEngine(any_world, max_sessions=2)):
        engine.open("a", start=LONG_START, seed=5)
        frames = [engine.step({"a": action})[0] for action in action_log(0, NUM_FRAMES)]
        pixels.append(np.stack([frame.pixels for frame in frames]))
    assert np.array_equal(pixels[0], pixels[1])


def test_another_seed_gives_another_world(any_world: World, action_log: Log) -> None:
    engine = WorldEngine(any_world)
    engine.open("a", seed=5)
    engine.open("b", seed=6)
    action = action_log(0, 1)[0]
    one, other = engine.step({"a": action, "b": action})
    assert not np.array_equal(one.pixels, other.pixels)
