"""Arrivals and scripted input are determined by the scenario's numbers."""

from itertools import pairwise
from pathlib import Path

import pytest

from loadtest.scenario import Scenario, names
from loadtest.scripted_input import PROFILES, ScriptedInput
from services.wire.action import Action

BUTTONS = ("forward", "back", "left", "right", "turn_left", "turn_right", "act")


def play(scripted: ScriptedInput, num_actions: int) -> list[tuple[Action, float]]:
    return [
        (scripted.next_action(sent_at_ms=0), scripted.next_pause_s()) for _ in range(num_actions)
    ]


def test_the_same_seed_gives_the_same_input() -> None:
    first = Scenario(users=2, seconds=10, seed=7).scripted_input(1, buttons=BUTTONS, fps=20)
    again = Scenario(users=4, seconds=99, seed=7).scripted_input(1, buttons=BUTTONS, fps=20)
    assert play(first, 500) == play(again, 500)


def test_players_and_seeds_differ() -> None:
    def actions(seed: int, player: int) -> list[Action]:
        scripted = Scenario(users=2, seconds=10, seed=seed).scripted_input(
            player, buttons=BUTTONS, fps=20
        )
        return [action for action, _ in play(scripted, 200)]

    assert actions(1, 0) != actions(1, 1)
    assert actions(1, 0) != actions(2, 0)


def test_input_walk_turn_tap_look_and_rest() -> None:
    scripted = Scenario(users=1, seconds=60).scripted_input(0, buttons=BUTTONS, fps=20)
    actions = [action for action, _ in play(scripted, 3000)]
    held = {action.held for action in actions}
    assert {0, 1 << 0, 1 << 1, 1 << 2, 1 << 4, (1 << 0) | (1 << 5)} <= held
    assert any(a.pressed & 1 << 6 and not a.held & 1 << 6 for a in actions)  # a tap
    assert actions[-1].x_total != 0


def test_actions_are_numbered_and_say_what_went_down() -> None:
    scripted = Scenario(users=1, seconds=60).scripted_input(0, buttons=BUTTONS, fps=20)
    actions = [action for action, _ in play(scripted, 1000)]
    assert [action.seq for action in actions] == list(range(1, 1001))
    for before, after in pairwise(actions):
        assert after.held & ~before.held & ~after.pressed == 0


def test_actions_come_once_per_period_at_any_moment_of_it() -> None:
    scripted = Scenario(users=1, seconds=60).scripted_input(0, buttons=BUTTONS, fps=20)
    sent_at, moments = 0.0, []
    for i, (_, pause_s) in enumerate(play(scripted, 1000), start=1):
        sent_at += pause_s
        moments.append(sent_at / 0.05 - i)
    assert all(-1e-6 <= moment <= 1 for moment in moments)
    assert min(moments) < 0.05 and max(moments) > 0.95


def test_a_world_without_a_button_leaves_it_alone() -> None:
    scripted = Scenario(users=1, seconds=60).scripted_input(0, buttons=("forward",), fps=20)
    assert {action.held | action.pressed for action, _ in play(scripted, 1000)} == {0, 1}


def test_arrivals_are_staggered_and_everybody_plays_the_seconds() -> None:
    scenario = Scenario(users=16, seconds=30, stagger_s=0.5)
    arrivals = [scenario.arrival_s(player) for player in range(16)]
    assert arrivals[0] == 0
    assert arrivals == sorted(arrivals)
    assert 6.5 < arrivals[-1] < 8.5
    assert scenario.length_s == arrivals[-1] + 30


def test_every_eighth_player_is_full() -> None:
    scenario = Scenario(users=16, seconds=30)
    assert [player for player in range(16) if scenario.is_full(player)] == [0, 8]
    assert not Scenario(users=1, seconds=30, full_every=0).is_full(0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"users": 0},
        {"users": 65},
        {"seconds": 0.5},
        {"seconds": 601},
        {"seconds": float("nan")},
        {"stagger_s": -1},
        {"full_every": -1},
    ],
)
def test_a_scenario_out_of_bounds_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        Scenario(**{"users": 4, "seconds": 30, **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_each_profile_plays_also_in_a_world_of_tiles(profile: str) -> None:
    tiles = ("left", "right", "up", "down", "do")
    scenario = Scenario(users=1, seconds=60, input_profile=profile)
    actions = [a for a, _ in play(scenario.scripted_input(0, buttons=tiles, fps=20), 1000)]
    presses_something = any(action.held or action.pressed for action in actions)
    assert presses_something is (profile != "rest")


def changes(change_rate: float) -> int:
    scenario = Scenario(users=1, seconds=60, input_profile="mash", change_rate=change_rate)
    actions = [a for a, _ in play(scenario.scripted_input(0, buttons=BUTTONS, fps=20), 2000)]
    return sum(before.held != after.held for before, after in pairwise(actions))


def test_a_change_rate_changes_the_action_more_often() -> None:
    assert changes(0.5) < changes(1.0) < changes(4.0)


def test_a_spike_comes_and_goes_within_the_middle_third() -> None:
    spike = Scenario(users=8, seconds=30, shape="spike")
    assert [spike.arrival_s(player) for player in (1, 3, 5, 7)] == [10.0] * 4
    assert [spike.departure_s(player) for player in (1, 7)] == [20.0] * 2
    assert spike.departure_s(0) == spike.length_s


def test_an_evening_ends_one_by_one() -> None:
    evening = Scenario(users=4, seconds=40, shape="evening")
    leaving = [evening.departure_s(player) for player in range(4)]
    assert leaving == sorted(leaving) and leaving[-1] == evening.length_s
    for player in range(4):
        assert evening.departure_s(player) > evening.arrival_s(player)


@pytest.mark.parametrize("name", names())
def test_every_scenario_that_comes_along_is_one(name: str) -> None:
    scenario = Scenario.read(name)
    for player in range(scenario.users):
        assert scenario.arrival_s(player) < scenario.departure_s(player)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("users = 0\nseconds = 9", "users must be 1 to 64"),
        ("users = 2\nseconds = 9\ninput_profile = 'feet'", "input_profile is one of"),
        ("users = 2\nseconds = 9\nshape = 'wave'", "shape is one of"),
        ("users = 2\nspeed = 3", "unknown"),
        ("users = 'two'\nseconds = 9", "mine.toml"),
        ("users = ", "mine.toml"),
    ],
)
def test_a_file_that_is_no_scenario_is_refused(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=complaint):
        Scenario.read(str(path))


def test_an_unknown_name_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match="no scenario 'storm'; there are evening"):
        Scenario.read("storm")
