"""Frames that are not finite numbers are named, and harm nobody but their own session."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from model.engine.types import ActionVector, Frame
from model.engine.world_engine import WorldEngine
from model.world import World

Log = Callable[[int, int], list[ActionVector]]


@contextmanager
def breaking_row(engine: WorldEngine, row: int, value: float) -> Iterator[None]:
    """Every pass leaves one number of that drawn row so."""
    runner = engine._runner
    denoise = runner._denoise  # type: ignore[attr-defined]

    def broken(plan: object, rows: object) -> torch.Tensor:
        x_DChw: torch.Tensor = denoise(plan, rows)
        if row < len(x_DChw):
            x_DChw[row, 0, 0, 0] = value
        return x_DChw

    runner._denoise = broken  # type: ignore[attr-defined]
    yield
    runner._denoise = denoise  # type: ignore[attr-defined]


def frames_of(world: World, action_log: Log, *session_ids: str) -> dict[str, list[Frame]]:
    engine = WorldEngine(world)
    for session_id in session_ids:
        engine.open(session_id, start=0, seed=ord(session_id))
    drawn: dict[str, list[Frame]] = {session_id: [] for session_id in session_ids}
    for action in action_log(0, 8):
        for frame in engine.step(dict.fromkeys(session_ids, action)):
            drawn[frame.session_id].append(frame)
    return drawn


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_a_broken_frame_is_named_and_the_others_are_as_ever(
    world: World, action_log: Log, value: float
) -> None:
    alone = frames_of(world, action_log, "a", "b")
    engine = WorldEngine(world)
    for session_id in ("a", "b"):
        engine.open(session_id, start=0, seed=ord(session_id))
    for number, action in enumerate(action_log(0, 8)):
        if number < 5:
            frames = engine.step(dict.fromkeys("ab", action))
            assert all(frame.is_finite for frame in frames)
            continue
        with breaking_row(engine, 0, value):
            broken, good = engine.step(dict.fromkeys("ab", action))
        assert not broken.is_finite and good.is_finite
        assert np.array_equal(good.pixels, alone["b"][number].pixels)


def test_whoever_gets_the_slot_of_a_broken_session_is_not_harmed(
    world: World, action_log: Log
) -> None:
    engine = WorldEngine(world, max_sessions=1)
    engine.open("broken", start=1, seed=1)
    with breaking_row(engine, 0, torch.nan):
        for action in action_log(0, 8):  # the keys and values of every page, too
            engine.step({"broken": action})
    engine.close("broken")
    engine.open("a", start=0, seed=ord("a"))
    for action, wanted in zip(
        action_log(0, 8), frames_of(world, action_log, "a")["a"], strict=True
    ):
        [frame] = engine.step({"a": action})
        assert frame.is_finite and np.array_equal(frame.pixels, wanted.pixels)


def test_a_broken_draft_is_named_when_it_is_taken(world: World, action_log: Log) -> None:
    engine = WorldEngine(world)
    engine.open("a", start=0, seed=1)
    [action] = action_log(0, 1)
    engine.draft("a", engine.request(action))
    with breaking_row(engine, 0, torch.nan):
        while engine.is_drafting("a"):
            engine.advance()
    frame = engine.begin("a", engine.request(action))
    assert frame is not None and not frame.is_finite
