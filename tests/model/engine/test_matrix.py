"""Every feature on and off: at equal shapes, frames are those of the plain path, bit for bit; those
of a memory that is short now and then, too.
"""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from model.context.policy import ContextPolicy
from model.context.sink_window import SinkWindow
from model.context.sliding_window import SlidingWindow
from model.engine.engine import WorldEngine
from model.engine.types import ActionVector
from model.world import World

Log = Callable[[int, int], list[ActionVector]]
Film = NDArray[np.uint8]
LONG_START = 1
POLICIES = (SlidingWindow(3), SinkWindow(num_sinks=1, window=2))
Memories = tuple[int | None, ...]  # of a session's frames, over and over
ALL, FEW_AT_TIMES = (None,), (None, 1, 1, 2, None)


@pytest.fixture(scope="module", params=POLICIES, ids=["window", "sinks"])
def policy(request: pytest.FixtureRequest) -> ContextPolicy:
    chosen: ContextPolicy = request.param
    return chosen


@pytest.fixture(scope="module", params=[ALL, FEW_AT_TIMES], ids=["all", "few"])
def memories(request: pytest.FixtureRequest) -> Memories:
    chosen: Memories = request.param
    return chosen


@pytest.fixture(scope="module")
def actions(action_log: Log) -> list[ActionVector]:
    """Two players in one: keys held, keys changed."""
    return [action for action in action_log(0, 5) for _ in range(2)]


@pytest.fixture(scope="module")
def plain(
    world: World, policy: ContextPolicy, memories: Memories, actions: list[ActionVector]
) -> Film:
    return play(world, policy, memories, actions)


def play(
    world: World,
    policy: ContextPolicy,
    memories: Memories,
    actions: list[ActionVector],
    *,
    merges: bool = False,
    speculates: bool = False,
    is_let_in_slowly: bool = False,
    is_crowded: bool = False,
    draws_jointly: bool = False,
) -> Film:
    """Joint frames, where they are drawn, all come to nothing."""
    max_joint = 1 if draws_jointly else 0
    engine = WorldEngine(world, policy=policy, merge=merges, batch_sizes=(4,), max_joint=max_joint)
    if is_crowded:
        engine.open("other", seed=8)
        engine.begin("other", actions[1], num_steps=3)
    if is_let_in_slowly:
        engine.admit("me", start=LONG_START, seed=5)
    else:
        engine.open("me", start=LONG_START, seed=5)
    frames = []
    for number, action in enumerate(actions):
        memory = memories[number % len(memories)]
        is_held = action == actions[number - 1]
        if speculates and (is_held or not draws_jointly):  # else that is drafted already
            engine.draft("me", actions[number - 1], memory=memory)
            engine.advance()
        frame = engine.begin("me", action, memory=memory)
        if frame is None and draws_jointly and is_held:
            engine.draft_jointly("me")
        while frame is None:
            for finished in engine.advance() or ():
                if finished.session_id == "me":
                    frame = finished
                else:
                    engine.begin("other", action, num_steps=1 + number % 3, memory=1)
        frames.append(frame.pixels)
    return np.stack(frames)


@pytest.mark.parametrize(
    ("merges", "speculates", "is_let_in_slowly", "is_crowded", "draws_jointly"),
    list(product((False, True), repeat=5)),
)
def test_no_feature_changes_a_frame(
    world: World,
    policy: ContextPolicy,
    memories: Memories,
    actions: list[ActionVector],
    plain: Film,
    merges: bool,
    speculates: bool,
    is_let_in_slowly: bool,
    is_crowded: bool,
    draws_jointly: bool,
) -> None:
    film = play(
        world,
        policy,
        memories,
        actions,
        merges=merges,
        speculates=speculates,
        is_let_in_slowly=is_let_in_slowly,
        is_crowded=is_crowded,
        draws_jointly=draws_jointly,
    )
    assert np.array_equal(film, plain)
