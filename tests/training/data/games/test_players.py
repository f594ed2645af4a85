"""The scripted player does what a model must see: one key at a time, for long enough."""

from dataclasses import replace

import numpy as np

from training.data.games.players import LIVELY, STEADY, Habits, ScriptedPlayer, Sight
from training.data.games.toy import ACTION_SPACE
from training.data.index.action_statistics import Shares, measure
from training.data.recorder import HeldInput

_SPACE = replace(
    ACTION_SPACE, key_turn_deg=6.0,
    yaw_bins_deg=(-15, -10, -6, -3.5, -1.8, -0.8, 0.0, 0.8, 1.8, 3.5, 6, 10, 15),
)  # fmt: skip
_OPEN = Sight(np.ones(64, np.float32), 10.0)
_BLOCKED = Sight(np.ones(64, np.float32), 0.0)


def _play(sight: Sight, frames: int, seed: int = 0) -> list[HeldInput]:
    player = ScriptedPlayer(np.random.default_rng(seed), 6.0)
    return [player.act(sight) for _ in range(frames)]


def test_every_key_is_seen_alone() -> None:
    played = _play(_OPEN, 6000)
    for key in ("forward", "back", "left", "right", "act"):
        alone = [held_inputs == HeldInput(frozenset({key})) for held_inputs in played]
        assert np.mean(alone) > 0.01, key
    assert (
        np.mean([held_inputs == HeldInput(frozenset({"forward"})) for held_inputs in played]) > 0.2
    )
    assert np.mean([held_inputs == HeldInput() for held_inputs in played]) > 0.1
    assert (
        np.mean([not held_inputs.down and held_inputs.yaw_deg != 0 for held_inputs in played]) > 0.1
    )


def test_turns_go_both_ways_at_many_speeds() -> None:
    yaws = np.array([held_inputs.yaw_deg for held_inputs in _play(_OPEN, 6000)])
    assert (yaws > 0).mean() > 0.08
    assert (yaws < 0).mean() > 0.08
    assert len(np.unique(np.abs(yaws).round())) > 8


def test_nobody_pushes_against_a_wall_for_long() -> None:
    run = longest = 0
    last = HeldInput()
    for held_inputs in _play(_BLOCKED, 3000):
        run = run + 1 if held_inputs.down & last.down & {"forward", "back", "left", "right"} else 0
        longest = max(longest, run)
        last = held_inputs
    assert longest <= 4


def test_it_looks_for_open_space() -> None:
    free = np.full(64, 0.05, np.float32)
    free[48:56] = 1.0  # open on the right
    player = ScriptedPlayer(np.random.default_rng(1), 6.0)
    headings = [player._open_heading() for _ in range(50) if player.act(Sight(free, 10.0))]
    assert np.mean(np.array(headings) > 20) > 0.9


def _shares(habits: Habits) -> Shares:
    player = ScriptedPlayer(np.random.default_rng(3), 6.0, habits)
    held_inputs = [player.act(_OPEN) for _ in range(12_000)]
    vectors = [_SPACE.vector_of(set(h.down), h.yaw_deg) for h in held_inputs]
    return measure(np.array(vectors, np.float32), (*_SPACE.model_buttons, "yaw"))


def test_a_lively_player_turns_while_it_walks_reverses_and_still_rests() -> None:
    lively, steady = _shares(LIVELY), _shares(STEADY)
    on_the_way = lively["turning"] - lively["turning alone"]
    assert on_the_way > 0.12 > 2 * (steady["turning"] - steady["turning alone"])
    assert lively["reversals"] > 0.03 > 2 * steady["reversals"]
    assert min(lively["resting"], steady["resting"]) > 0.1
    for key in ("forward", "back", "left", "right", "act"):
        assert lively[f"{key} alone"] > 0.01, key
    speeds = [share for name, share in lively.items() if name.startswith("turning at")]
    assert len(speeds) == 6
    assert min(speeds) > 0.005
