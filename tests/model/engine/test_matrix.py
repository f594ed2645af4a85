"""Every feature on and off: at equal shapes, latents and pixels are those of the plain path, bit
for bit; those of a context that is shortened now and then, too. What shares the passes (others,
shortened or not) and what is thrown away (drafts, joint frames) is part of it.
"""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.context.policy import ContextPolicy
from model.context.sink_window import SinkWindow
from model.context.sliding_window import SlidingWindow
from model.engine.types import ActionVector
from model.engine.world_engine import WorldEngine
from model.fast import FastPaths, runner_of
from model.world import World

Log = Callable[[int, int], list[ActionVector]]
Film = tuple[Tensor, NDArray[np.uint8]]  # latents (F, C, h, w), pixels (F, H, W, 3)
LONG_START = 1
POLICIES = (SlidingWindow(3), SinkWindow(num_sinks=1, window=2))
Lengths = tuple[int | None, ...]  # of a session's frames, over and over
ALL, FEW_AT_TIMES = (None,), (None, 1, 1, 2, None)


@pytest.fixture(scope="module", params=POLICIES, ids=["window", "sinks"])
def policy(request: pytest.FixtureRequest) -> ContextPolicy:
    chosen: ContextPolicy = request.param
    return chosen


@pytest.fixture(scope="module", params=[ALL, FEW_AT_TIMES], ids=["all", "few"])
def lengths(request: pytest.FixtureRequest) -> Lengths:
    chosen: Lengths = request.param
    return chosen


@pytest.fixture(scope="module")
def actions(action_log: Log) -> list[ActionVector]:
    """Two players in one: keys held, keys changed."""
    return [action for action in action_log(0, 5) for _ in range(2)]


@pytest.fixture(scope="module")
def plain(
    any_world: World, policy: ContextPolicy, lengths: Lengths, actions: list[ActionVector]
) -> Film:
    return play(any_world, policy, lengths, actions)


def play(
    world: World,
    policy: ContextPolicy,
    lengths: Lengths,
    actions: list[ActionVector],
    *,
    merges: bool = False,
    num_drafts: int = 0,
    is_let_in_slowly: bool = False,
    is_crowded: bool = False,
    others_are_shortened: bool = False,
    draws_jointly: bool = False,
    paths: FastPaths | None = None,
) -> Film:
    """Joint frames, where they are drawn, all come to nothing."""
    engine = WorldEngine(
        world,
        policy=policy,
        merge=merges,
        batch_sizes=(4,),
        max_drafts=max(1, num_drafts),
        max_joint=1 if draws_jointly else 0,
        make_runner=runner_of(paths),
    )
    if is_crowded:
        engine.open("other", seed=8)
        engine.begin("other", engine.request(actions[1], num_steps=3))
    if is_let_in_slowly:
        engine.admit("me", start=LONG_START, seed=5)
    else:
        engine.open("me", start=LONG_START, seed=5)
    latents, frames = [], []
    for number, action in enumerate(actions):
        context_length = lengths[number % len(lengths)]
        is_held = action == actions[number - 1]
        if num_drafts and (is_held or not draws_jointly):  # else that is drafted already
            draft_actions = dict.fromkeys(
                (actions[number - 1], actions[(number + 3) % len(actions)])
            )
            for draft_action in list(draft_actions)[:num_drafts]:
                engine.draft("me", engine.request(draft_action, context_length=context_length))
            engine.advance()
        frame = engine.begin("me", engine.request(action, context_length=context_length))
        if frame is None and draws_jointly and is_held:
            engine.draft_jointly("me")
        while frame is None:
            for finished in engine.advance() or ():
                if finished.session_id == "me":
                    frame = finished
                else:
                    context_length = None if paths else 2
                    engine.begin(
                        "other",
                        engine.request(
                            action, num_steps=1 + number % 3, context_length=context_length
                        ),
                    )
                    if others_are_shortened:
                        engine.shorten_context("other", context_length=1)
        latents.append(engine.snapshot("me").context.latents_FChw[-1])
        frames.append(frame.pixels)
    return torch.stack(latents), np.stack(frames)


COMPANY = ((False, False), (True, False), (True, True))  # is_crowded, others_are_shortened


@pytest.mark.parametrize(
    ("merges", "num_drafts", "is_let_in_slowly", "company", "draws_jointly"),
    list(product((False, True), (0, 1, 2), (False, True), COMPANY, (False, True))),
)
def test_no_feature_changes_a_frame(
    any_world: World,
    policy: ContextPolicy,
    lengths: Lengths,
    actions: list[ActionVector],
    plain: Film,
    merges: bool,
    num_drafts: int,
    is_let_in_slowly: bool,
    company: tuple[bool, bool],
    draws_jointly: bool,
) -> None:
    is_crowded, others_are_shortened = company
    latents, pixels = play(
        any_world,
        policy,
        lengths,
        actions,
        merges=merges,
        num_drafts=num_drafts,
        is_let_in_slowly=is_let_in_slowly,
        is_crowded=is_crowded,
        others_are_shortened=others_are_shortened,
        draws_jointly=draws_jointly,
    )
    assert torch.equal(latents, plain[0])
    assert np.array_equal(pixels, plain[1])


@pytest.mark.parametrize(
    ("num_drafts", "is_let_in_slowly", "is_crowded", "draws_jointly"),
    list(product((0, 1, 2), (False, True), (False, True), (False, True))),
)
def test_nor_does_it_on_fast_paths(
    world: World,
    policy: ContextPolicy,
    actions: list[ActionVector],
    num_drafts: int,
    is_let_in_slowly: bool,
    is_crowded: bool,
    draws_jointly: bool,
) -> None:
    """Up to rounding; they cannot shorten a context and always merge."""
    wanted, _ = play(world, policy, ALL, actions)
    latents, _ = play(
        world,
        policy,
        ALL,
        actions,
        merges=True,
        num_drafts=num_drafts,
        is_let_in_slowly=is_let_in_slowly,
        is_crowded=is_crowded,
        draws_jointly=draws_jointly,
        paths=FastPaths(),
    )
    torch.testing.assert_close(latents, wanted, atol=1e-5, rtol=1e-5)
