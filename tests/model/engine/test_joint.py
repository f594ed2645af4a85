"""Joint drafts: frames drawn along with the one before them. Marked, and never in its way."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from model.attention.backend import MaskedAttention
from model.cache.frame_store import ContextClip
from model.context.sink_window import SinkWindow
from model.context.sliding_window import SlidingWindow
from model.engine.reference import ReferenceSession
from model.engine.types import ActionVector, Frame
from model.engine.world_engine import WorldEngine
from model.fast import FastPaths, runner_of
from model.nfd.transformer import Previous
from model.sampling.noise import CONTEXT_STEP, draw_noise
from model.sampling.sampler import make_sampler
from model.sampling.trigflow import diffuse
from model.snapshot import WorldSnapshot
from model.world import World
from tests.model.conftest import BreakingPasses

Log = Callable[[int, int], list[ActionVector]]
LONG_START, SEED, NUM_STEPS = 1, 5, 3


def jointly(world: World, max_joint: int = 1, paths: FastPaths | None = None) -> WorldEngine:
    """With three frames of context."""
    nfd = replace(world.spec.nfd, window=4 + max_joint)
    longer = replace(world, spec=replace(world.spec, nfd=nfd))
    engine = WorldEngine(
        longer, max_joint=max_joint, batch_sizes=(6,), make_runner=runner_of(paths)
    )
    engine.open("a", start=LONG_START, seed=SEED)
    return engine


def draw(engine: WorldEngine, action: ActionVector, *, ahead: int = 0) -> Frame:
    """The next frame, and as many along with it if it has to be drawn."""
    frame = engine.begin("a", engine.request(action, num_steps=NUM_STEPS))
    if frame is None and ahead:
        assert engine.draft_jointly("a", num_frames=ahead) == ahead
    while frame is None:
        frame = next(iter(engine.advance() or ()), None)
    engine.check_integrity()
    return frame


def newest_latents(engine: WorldEngine) -> Tensor:
    return engine.snapshot("a").context.latents_FChw[-1]


def drawn_together(world: World, before: WorldSnapshot, action: ActionVector, ahead: int) -> Tensor:
    """The obvious way: in each step one masked pass over the context and all frames being drawn;
    nothing is cached. Latents (frames, C, h, w) as contexts hold them."""
    spec, clip = world.spec.sampler, before.context
    first = before.frame_idxs[-1] + 1
    idxs = [*before.frame_idxs, *range(first, first + 1 + ahead)]
    sampler, new = make_sampler(spec.kind), slice(len(clip), None)

    def noise(denoise_step: int) -> Tensor:
        shape = clip.latents_FChw.shape[1:]
        drawn = [
            draw_noise(shape, seed=SEED, frame_idx=idx, denoise_step=denoise_step)
            for idx in idxs[new]
        ]
        return torch.stack(drawn)

    x_NChw = noise(0)
    for denoise_step, (t, next_t) in enumerate(pairwise((*spec.times[NUM_STEPS], 0.0)), start=1):
        t_N = torch.full((1 + ahead,), t)
        latents = torch.cat((clip.latents_FChw, x_NChw))[None]
        attend = MaskedAttention(len(idxs), world.spec.nfd.tokens_per_frame, len(idxs), latents)
        directions = world.transformer(
            latents,
            torch.cat((clip.t_F, t_N))[None],
            torch.cat((clip.actions_FA, torch.tensor([action] * (1 + ahead))))[None],
            torch.tensor([idxs]),
            Previous.absent(latents),
            attend,
        )
        fresh_NChw, next_t_N = noise(denoise_step), torch.full_like(t_N, next_t)
        x_NChw = sampler.advance(x_NChw, directions[0, new], t_N, next_t_N, fresh_NChw.clone)
    return diffuse(x_NChw, noise(CONTEXT_STEP), torch.full((1 + ahead,), spec.context_t))


def with_frames(
    world: World, before: WorldSnapshot, drawn_FChw: Tensor, action: ActionVector
) -> ReferenceSession:
    """The obvious engine, going on after these frames with a context as long as `before`."""
    nfd = replace(world.spec.nfd, window=len(before.context) + 1)
    clip, num_drawn = before.context, len(drawn_FChw)
    context = ContextClip(
        latents_FChw=torch.cat((clip.latents_FChw, drawn_FChw)),
        t_F=torch.cat((clip.t_F, torch.full((num_drawn,), world.spec.sampler.context_t))),
        actions_FA=torch.cat((clip.actions_FA, torch.tensor([action] * num_drawn))),
    )
    newest = before.frame_idxs[-1]
    frame_idxs = [*before.frame_idxs, *range(newest + 1, newest + 1 + num_drawn)]
    shorter = replace(world, spec=replace(world.spec, nfd=nfd))
    return ReferenceSession(shorter, context, frame_idxs, seed=SEED)


@pytest.mark.parametrize("ahead", [1, 2])
@torch.inference_mode()
def test_joint_frames_are_those_of_one_masked_pass(
    any_world: World, action_log: Log, ahead: int
) -> None:
    engine = jointly(any_world, max_joint=ahead)
    action, *others = action_log(0, 7)
    for other in others:  # rings wrap
        draw(engine, other)
    before = engine.snapshot("a")
    engine.close("a")
    engine.restore("a", before)  # keys that have seen nothing but these frames
    drawn_FChw = drawn_together(any_world, before, action, ahead)
    for number, wanted_Chw in enumerate(drawn_FChw):
        frame = draw(engine, action, ahead=0 if number else ahead)
        assert frame.is_joint == (number > 0)
        torch.testing.assert_close(newest_latents(engine), wanted_Chw, atol=1e-5, rtol=1e-5)
    truth = with_frames(any_world, before, drawn_FChw, action)
    for other in others:  # they are cached like any others
        draw(engine, other)
        truth.step(other, NUM_STEPS)
        wanted_Chw = truth.context.latents_FChw[-1]
        torch.testing.assert_close(newest_latents(engine), wanted_Chw, atol=1e-5, rtol=1e-5)


def test_the_frame_they_go_with_and_all_after_a_wrong_one_are_untouched_bitwise(
    any_world: World, action_log: Log
) -> None:
    plain, engine = jointly(any_world, 2), jointly(any_world, 2)
    for action in action_log(0, 9):
        wanted, frame = draw(plain, action), draw(engine, action, ahead=2)
        assert frame.frame_idx == wanted.frame_idx
        assert np.array_equal(frame.pixels, wanted.pixels)
        assert torch.equal(newest_latents(engine), newest_latents(plain))
    counts = engine.speculation.joint
    assert (counts.drafted, counts.accepted, counts.discarded) == (18, 0, 16)
    assert counts.wasted_s > 0


def test_the_forms_for_a_gpu_draw_the_same_ones(any_world: World, action_log: Log) -> None:
    """Uncaptured: three frames of one session are three sub-batches."""
    plain, fast = jointly(any_world, 2), jointly(any_world, 2, paths=FastPaths())
    for action in (action for action in action_log(0, 3) for _ in range(3)):
        assert draw(plain, action, ahead=2).is_joint == draw(fast, action, ahead=2).is_joint
        torch.testing.assert_close(newest_latents(fast), newest_latents(plain), atol=1e-5, rtol=0)
    assert fast.speculation.joint.accepted == 6


def test_they_come_at_once_and_marked_for_as_long_as_the_action_stays(
    world: World, action_log: Log
) -> None:
    engine = jointly(world, 2)
    action, other = action_log(0, 2)
    kinds = [
        (frame.is_speculative, frame.is_joint)
        for frame in (draw(engine, a, ahead=2) for a in (action, action, other, other, other))
    ]
    assert kinds == [(False, False), (True, True), (False, False), (True, True), (True, True)]
    counts = engine.speculation.joint
    assert (counts.drafted, counts.accepted, counts.discarded) == (4, 3, 1)
    assert engine.speculation.exact.drafted == 0
    assert counts.saved_s > 0


def test_other_actions_may_be_drafted_beside_a_joint_frame(world: World, action_log: Log) -> None:
    plain, engine = jointly(world), jointly(world)
    first, other = action_log(0, 2)
    draw(plain, first)
    draw(engine, first, ahead=1)
    with pytest.raises(RuntimeError, match="this draft or too many"):
        engine.draft("a", engine.request(first, num_steps=NUM_STEPS))
    engine.draft("a", engine.request(other, num_steps=NUM_STEPS))
    while engine.advance() is not None:
        pass
    frame = draw(engine, other)
    assert frame.is_speculative
    assert not frame.is_joint
    assert np.array_equal(frame.pixels, draw(plain, other).pixels)


@pytest.mark.parametrize("num_passes", [0, 1, NUM_STEPS])
def test_snapshots_flushes_and_cuts_know_nothing_of_them(
    world: World, action_log: Log, num_passes: int
) -> None:
    engine = jointly(world)
    before = engine.snapshot("a")
    action = action_log(0, 1)[0]
    engine.begin("a", engine.request(action, num_steps=NUM_STEPS))
    engine.draft_jointly("a")
    for _ in range(num_passes):
        engine.advance()
    shown = num_passes == NUM_STEPS
    assert engine.snapshot("a").frame_idxs[-1] == before.frame_idxs[-1] + shown
    engine.flush("a")
    engine.check_integrity()
    assert engine.begin("a", engine.request(action, num_steps=NUM_STEPS)) is None
    engine.draft_jointly("a")
    engine.cut("a", start=LONG_START)
    engine.check_integrity()
    assert engine.speculation.joint.discarded == 2


def test_a_pass_that_breaks_half_way_takes_no_key_along(
    world: World, action_log: Log, breaking_passes: BreakingPasses
) -> None:
    """Two frames may wait to be cached, and the second takes a page that the first needs."""
    action, other = action_log(0, 2)
    engine, restored = jointly(world), jointly(world)
    for number in range(8):
        draw(engine, action, ahead=number % 2 == 0)
    restored.close("a")
    restored.restore("a", engine.snapshot("a"))
    with breaking_passes(engine), pytest.raises(RuntimeError, match="out of memory"):
        engine.advance()
    draw(engine, other)
    draw(restored, other)
    torch.testing.assert_close(newest_latents(engine), newest_latents(restored))


def test_context_is_given_up_for_them(world: World) -> None:
    """No frame ever looks back further than the world was trained to."""
    engine = WorldEngine(world, max_joint=1)
    engine.open("a", start=LONG_START, seed=SEED)
    assert len(engine.snapshot("a").frame_idxs) == world.spec.nfd.window - 2
    with pytest.raises(ValueError, match="trained with 3 frames of context"):
        WorldEngine(world, max_joint=1, policy=SlidingWindow(4))


def test_more_of_them_than_a_context_can_wait_for_are_refused(world: World) -> None:
    """A frame that is not cached yet must not lose its page to one that came with it."""
    with pytest.raises(ValueError, match="2 joint frames need more than 2 newest ones"):
        WorldEngine(world, max_joint=2)


def test_a_snapshot_of_a_longer_context_goes_on_with_a_shorter_one(
    world: World, action_log: Log
) -> None:
    longer = WorldEngine(world, policy=SinkWindow(num_sinks=1, window=3))
    longer.open("a", start=LONG_START, seed=SEED)
    for action in action_log(0, 4):
        longer.step({"a": action})
    snapshot = longer.snapshot("a")
    engine = WorldEngine(world, max_joint=1)
    engine.restore("a", snapshot)
    assert engine.snapshot("a").frame_idxs == snapshot.frame_idxs[-3:]
