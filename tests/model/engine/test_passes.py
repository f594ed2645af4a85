"""Frames are the same however their passes are arranged."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from model.engine.types import ActionVector
from model.engine.world_engine import WorldEngine
from model.world import World
from tests.model.conftest import BreakingPasses

Log = Callable[[int, int], list[ActionVector]]
NUM_FRAMES = 12  # more than twice the window: rings wrap
LONG_START = 1


def contexts(engine: WorldEngine, session_id: str, actions: list[ActionVector]) -> list[Tensor]:
    """The session's whole context (F, C, h, w) after each frame, while its keys are pending."""
    seen = []
    for action in actions:
        engine.step({session_id: action})
        seen.append(engine.snapshot(session_id).context.latents_FChw)
    return seen


def finish(engine: WorldEngine, session_id: str) -> np.ndarray:
    """Passes until the session's frame is there."""
    while True:
        frames = engine.advance()
        assert frames is not None
        for frame in frames:
            if frame.session_id == session_id:
                return frame.pixels


def test_merged_and_separate_passes_give_the_same_frames(any_world: World, action_log: Log) -> None:
    merged, separate = WorldEngine(any_world), WorldEngine(any_world, merge=False)
    for engine in (merged, separate):
        engine.open("a", start=LONG_START, seed=5)
    actions = action_log(0, NUM_FRAMES)
    for one, other in zip(
        contexts(merged, "a", actions), contexts(separate, "a", actions), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_an_idle_pass_that_caches_changes_nothing(world: World, action_log: Log) -> None:
    """At equal shapes: bitwise."""
    merged, idle = (WorldEngine(world, batch_sizes=(4,)) for _ in range(2))
    for engine in (merged, idle):
        engine.open("a", seed=5)
    for action in action_log(0, NUM_FRAMES):
        wanted = merged.step({"a": action})[0]
        assert np.array_equal(idle.step({"a": action})[0].pixels, wanted.pixels)
        while idle.advance() is not None:
            pass


def test_a_frame_is_the_same_whatever_step_others_are_at(any_world: World, action_log: Log) -> None:
    """Others draw with more steps, begin in the middle of my frame, open and close between its
    passes; at equal shapes my frames do not change by a bit."""
    alone, crowd = (WorldEngine(any_world, batch_sizes=(8,)) for _ in range(2))
    for engine in (alone, crowd):
        engine.open("me", start=LONG_START, seed=5)
    crowd.open("x", seed=9)
    strangers = action_log(1, NUM_FRAMES)
    for number, action in enumerate(action_log(0, NUM_FRAMES)):
        wanted = alone.step({"me": action}, num_steps=3)[0].pixels
        if number % 3 == 1 and not crowd._scheduler.session("x").in_flight:
            crowd.begin("x", crowd.request(strangers[number], num_steps=2))
            crowd.advance()
        crowd.begin("me", crowd.request(action, num_steps=3))
        crowd.advance()
        if number == 2:
            crowd.admit("late", start=LONG_START, seed=3)
        if number == 6:
            crowd.begin("late", crowd.request(strangers[number], num_steps=1))
        if number == 9:
            crowd.close("x")
            crowd.open("x", seed=4)
        assert np.array_equal(finish(crowd, "me"), wanted)
        crowd.check_integrity()


def test_who_was_let_in_row_by_row_plays_as_who_was_let_in_at_once(
    world: World, action_log: Log
) -> None:
    at_once, by_rows = (WorldEngine(world, batch_sizes=(4,)) for _ in range(2))
    at_once.open("a", start=LONG_START, seed=5)
    by_rows.open("busy", seed=1)
    by_rows.admit("a", start=LONG_START, seed=5)
    while by_rows.is_in_prefill("a"):
        if not by_rows.has_in_flight:
            by_rows.begin("busy", by_rows.request(action_log(1, 1)[0], num_steps=2))
        by_rows.advance()
    for action in action_log(0, 3):
        wanted = at_once.step({"a": action})[0].pixels
        by_rows.begin("a", by_rows.request(action))
        assert np.array_equal(finish(by_rows, "a"), wanted)


def test_a_frame_may_be_begun_before_the_newcomer_is_in(world: World, action_log: Log) -> None:
    at_once, early = (WorldEngine(world, batch_sizes=(4,)) for _ in range(2))
    action = action_log(0, 1)[0]
    at_once.open("a", start=LONG_START, seed=5)
    early.admit("a", start=LONG_START, seed=5)
    early.begin("a", early.request(action))
    assert np.array_equal(finish(early, "a"), at_once.step({"a": action})[0].pixels)


def test_a_snapshot_does_not_wait_for_keys(world: World, action_log: Log) -> None:
    """Between the passes of a frame it is the state after the frame before."""
    engine = WorldEngine(world)
    engine.open("a", start=LONG_START, seed=5)
    first, second = action_log(0, 2)
    engine.step({"a": first})
    pending = engine.snapshot("a")
    engine.begin("a", engine.request(second))
    engine.advance()
    drawing = engine.snapshot("a")
    assert pending.frame_idxs == drawing.frame_idxs
    assert torch.equal(pending.context.latents_FChw, drawing.context.latents_FChw)
    assert torch.equal(pending.context.actions_FA[-1], torch.tensor(first))


def test_a_pass_that_breaks_half_way_can_be_run_again(
    world: World, action_log: Log, breaking_passes: BreakingPasses
) -> None:
    """Keys that it may have overwritten are encoded anew, as after a snapshot."""
    first, second = action_log(0, 2)
    broken, restored = WorldEngine(world), WorldEngine(world)
    broken.open("a", start=LONG_START, seed=5)
    broken.step({"a": first})
    restored.restore("a", broken.snapshot("a"))
    with breaking_passes(broken), pytest.raises(RuntimeError, match="out of memory"):
        broken.step({"a": second})
    broken.check_integrity()
    (frame,), (wanted,) = broken.step({"a": second}), restored.step({"a": second})
    assert frame.frame_idx == wanted.frame_idx
    torch.testing.assert_close(
        broken.snapshot("a").context.latents_FChw, restored.snapshot("a").context.latents_FChw
    )


def test_the_seconds_of_a_frame_are_those_of_its_passes(world: World, action_log: Log) -> None:
    engine = WorldEngine(world)
    engine.open("a", seed=5)
    engine.begin("a", engine.request(action_log(0, 1)[0], num_steps=3))
    stats = engine._stats
    spent_s = []
    while not (frames := engine.advance()):
        spent_s.append(stats._spent_s["a", 0])
    assert 0 < spent_s[0] < spent_s[1] < frames[0].denoise_s
    assert stats._spent_s == {}
