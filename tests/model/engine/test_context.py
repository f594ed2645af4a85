"""Context policies in play: sinks, sessions of any age, flushes and cuts."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as nnf
from torch import Tensor

from model.cache.frame_store import ContextClip
from model.context.policy import ContextPolicy
from model.context.sink_window import SinkWindow
from model.context.sliding_window import SlidingWindow
from model.engine.prefill import opening_clip, opening_frame_idxs
from model.engine.reference import ReferenceSession
from model.engine.types import ActionVector
from model.engine.world_engine import WorldEngine
from model.layers.rope import RotaryEmbedding
from model.nfd.transformer import Previous
from model.sampling.noise import draw_noise
from model.world import World

Log = Callable[[int, int], list[ActionVector]]
NUM_FRAMES = 12
SHORT_START, LONG_START = 0, 1
SINKS = SinkWindow(num_sinks=2, window=2)  # as many frames as the world was trained with


class SinkAttention:
    """The obvious way: every frame's keys anew for each frame that attends, rotated to where that
    frame meets them."""

    def __init__(self, policy: ContextPolicy, frame_idxs: Sequence[int], rope: RotaryEmbedding):
        self._policy = policy
        self._frame_idxs = list(frame_idxs)
        self._rope = rope

    def __call__(self, layer: int, q_BNSK: Tensor, k_BNSK: Tensor, v_BNSK: Tensor) -> Tensor:
        num_frames, first = len(self._frame_idxs), self._frame_idxs[0]
        q, k, v = (torch.stack(x.chunk(num_frames, 2), 2) for x in (q_BNSK, k_BNSK, v_BNSK))
        mixed = []
        for number, frame_idx in enumerate(self._frame_idxs):
            kept = self._policy.keep(frame_idx - first)
            keys = [
                self._rope.shift(frame_idx - len(kept) + place - (first + idx)).apply(k[:, :, idx])
                for place, idx in enumerate(kept)
            ]
            mixed.append(
                nnf.scaled_dot_product_attention(
                    q[:, :, number],
                    torch.cat([*keys, k[:, :, number]], dim=2),
                    torch.cat([*(v[:, :, idx] for idx in kept), v[:, :, number]], dim=2),
                )
            )
        return torch.cat(mixed, dim=2)


class SinkReference(ReferenceSession):
    """No cache, sinks instead of a plain window."""

    policy: ContextPolicy = SINKS

    def _predict(self, clip: ContextClip) -> Tensor:
        latents_BFChw, transformer = clip.latents_FChw[None], self._world.transformer
        directions_BFChw: Tensor = transformer(
            latents_BFChw, clip.t_F[None], clip.actions_FA[None],
            torch.tensor([self._frame_idxs]), Previous.absent(latents_BFChw),
            SinkAttention(self.policy, self._frame_idxs, transformer.rope),
        )  # fmt: skip
        return directions_BFChw[0]


@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize("start", [SHORT_START, LONG_START])
def test_sinks_are_met_just_before_the_window(
    any_world: World, action_log: Log, start: int, merge: bool
) -> None:
    engine = WorldEngine(any_world, policy=SINKS, merge=merge)
    engine.open("a", start=start, seed=5)
    frame_idxs = opening_frame_idxs(any_world.starts[start], SINKS.max_frames)
    context_t = any_world.spec.sampler.context_t
    clip = opening_clip(any_world.starts[start], frame_idxs, seed=5, context_t=context_t)
    truth = SinkReference(any_world, clip, frame_idxs, seed=5)
    for action in action_log(0, NUM_FRAMES):
        engine.step({"a": action})
        truth.step(action, 2)
        context = engine.snapshot("a").context.latents_FChw
        torch.testing.assert_close(
            context[-1], truth.context.latents_FChw[-1], atol=1e-5, rtol=1e-5
        )
    assert torch.equal(context[0], clip.latents_FChw[0])


@pytest.mark.parametrize("policy", [SlidingWindow(4), SINKS])
def test_a_session_never_grows_old(
    world: World, action_log: Log, policy: ContextPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same window and the same noise give the same frame at index 64 and at 1,000,000."""
    monkeypatch.setattr(
        "model.engine.running.runner.draw_noise",
        lambda shape, **key: draw_noise(shape, **{**key, "frame_idx": 0}),
    )
    engine = WorldEngine(world, policy=policy)
    engine.open("a", start=LONG_START, seed=5)
    for action in action_log(0, 3):
        engine.step({"a": action})
    snapshot = engine.snapshot("a")
    newest = []
    for age in (64, 1_000_000):
        window = range(age - len(snapshot.frame_idxs) + policy.num_sinks, age)
        frame_idxs = (*snapshot.frame_idxs[: policy.num_sinks], *window)
        engine.restore(str(age), replace(snapshot, frame_idxs=frame_idxs))
        for action in action_log(1, 6):
            assert engine.step({str(age): action})[0].frame_idx >= age
        newest.append(engine.snapshot(str(age)).context.latents_FChw)
    torch.testing.assert_close(newest[0], newest[1], atol=1e-5, rtol=1e-5)


def test_a_policy_that_looks_further_back_than_training_did_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="trained with 4 frames of context"):
        WorldEngine(world, policy=SinkWindow(num_sinks=1, window=4))


@pytest.mark.parametrize(("policy", "kept"), [(SlidingWindow(4), (8, 9)), (SINKS, (3, 4, 8, 9))])
def test_a_flush_leaves_what_a_snapshot_of_few_frames_would(
    world: World, action_log: Log, policy: ContextPolicy, kept: tuple[int, ...]
) -> None:
    flushed, restored = WorldEngine(world, policy=policy), WorldEngine(world, policy=policy)
    flushed.open("a", start=LONG_START, seed=5)
    for action in action_log(0, 3):
        flushed.step({"a": action})
    flushed.flush("a", keep=2)
    assert flushed.snapshot("a").frame_idxs == kept
    restored.restore("a", flushed.snapshot("a"))
    for action in action_log(1, 6):
        (frame,), (wanted,) = flushed.step({"a": action}), restored.step({"a": action})
        assert frame.frame_idx == wanted.frame_idx
        assert np.abs(frame.pixels.astype(int) - wanted.pixels).max() <= 1
    flushed.check_integrity()


@pytest.mark.parametrize("policy", [SlidingWindow(4), SINKS])
def test_nothing_of_the_scene_before_outlives_a_cut(
    world: World, action_log: Log, policy: ContextPolicy
) -> None:
    engine = WorldEngine(world, policy=policy, batch_sizes=(4,))
    for number, session_id in enumerate("ab"):
        engine.open(session_id, start=SHORT_START, seed=5)
        for action in action_log(number, 5):
            engine.step({session_id: action})
        engine.draft(session_id, engine.request(action_log(2, 1)[0]))
        engine.cut(session_id, start=LONG_START)
    action = action_log(3, 1)[0]
    one, other = engine.step({"a": action, "b": action})
    assert one.frame_idx > 7
    assert np.array_equal(one.pixels, other.pixels)
    engine.check_integrity()
