"""Drafts hide time and change nothing: promise 5."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from model.engine.types import ActionVector
from model.engine.world_engine import WorldEngine
from model.world import World

Log = Callable[[int, int], list[ActionVector]]
NUM_FRAMES = 14
LONG_START = 1


def held(log: list[ActionVector]) -> list[ActionVector]:
    """Each action three times: a player who holds keys."""
    return [action for action in log for _ in range(3)][:NUM_FRAMES]


@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize("num_steps", [1, 2])
def test_frames_are_bitwise_those_without_speculation(
    any_world: World, action_log: Log, merge: bool, num_steps: int
) -> None:
    """Drafts are finished, half done or not begun when the action comes; some are right, of two
    under different actions at most one."""
    plain, ahead = (
        WorldEngine(any_world, batch_sizes=(4,), max_drafts=2, merge=merge) for _ in range(2)
    )
    for engine in (plain, ahead):
        engine.open("a", start=LONG_START, seed=5)
    passes = np.random.default_rng(0)
    draft_action = action_log(0, 1)[0]
    actions = held(action_log(0, NUM_FRAMES))
    for action, next_action in zip(actions, [*actions[1:], draft_action], strict=True):
        wanted = plain.step({"a": action}, num_steps=num_steps)[0]
        for draft in {draft_action, next_action}:
            ahead.draft("a", ahead.request(draft, num_steps=num_steps))
        for _ in range(int(passes.integers(4))):
            ahead.advance()
        frame = ahead.step({"a": action}, num_steps=num_steps)[0]
        assert frame.frame_idx == wanted.frame_idx
        assert np.array_equal(frame.pixels, wanted.pixels)
        one, other = ahead.snapshot("a").context, plain.snapshot("a").context
        assert torch.equal(one.latents_FChw, other.latents_FChw)
        assert torch.equal(one.actions_FA, other.actions_FA)
        ahead.check_integrity()
        draft_action = action
    counts = ahead.speculation.exact
    assert counts.accepted >= 6
    assert counts.discarded >= 6
    assert counts.accepted + counts.discarded == counts.drafted


def test_a_right_draft_is_there_at_once(world: World, action_log: Log) -> None:
    engine = WorldEngine(world)
    engine.open("a", seed=5)
    action, other = action_log(0, 2)
    engine.draft("a", engine.request(action))
    while engine.advance() is not None:
        pass
    frame = engine.begin("a", engine.request(action))
    assert frame is not None
    assert frame.is_speculative
    assert not engine.has_in_flight
    assert engine.speculation.exact.saved_s == frame.denoise_s + frame.decode_s
    assert engine.begin("a", engine.request(other)) is None
    assert engine.has_in_flight


@pytest.mark.parametrize("num_passes", [0, 1, 2])
def test_a_snapshot_knows_nothing_of_a_draft(
    world: World, action_log: Log, num_passes: int
) -> None:
    engine = WorldEngine(world)
    engine.open("a", start=LONG_START, seed=5)
    engine.step({"a": action_log(0, 1)[0]})
    before = engine.snapshot("a")
    engine.draft("a", engine.request(action_log(1, 1)[0]))
    for _ in range(num_passes):
        engine.advance()
    after = engine.snapshot("a")
    assert after.frame_idxs == before.frame_idxs
    assert torch.equal(after.context.latents_FChw, before.context.latents_FChw)
    assert torch.equal(after.context.actions_FA, before.context.actions_FA)


def test_closing_counts_the_draft_as_lost(world: World, action_log: Log) -> None:
    engine = WorldEngine(world)
    engine.open("a", seed=5)
    engine.draft("a", engine.request(action_log(0, 1)[0]))
    engine.advance()
    engine.close("a")
    counts = engine.speculation.exact
    assert (counts.drafted, counts.accepted, counts.discarded) == (1, 0, 1)
    assert counts.wasted_s > 0
