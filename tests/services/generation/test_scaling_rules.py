"""How many replicas the rules ask for: enough for everybody, no fewer than hold the players."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generation.scaling.replicas_needed import (
    LATE_SHARE,
    FleetLoad,
    ReplicaLoad,
    ScalingRules,
    replicas_needed,
)
from services.generation.scaling.schedule import Schedule

MONDAY = datetime(2026, 12, 7, 12, 0, tzinfo=UTC)
RULES = ScalingRules(min_replicas=1, max_replicas=1000)


@st.composite
def replica_loads(draw: st.DrawFn) -> ReplicaLoad:
    slots = draw(st.integers(0, 16))
    late = draw(st.sampled_from((0.0, 0.01, LATE_SHARE, 0.2, 1.0)))
    return ReplicaLoad(slots=slots, used=draw(st.integers(0, slots)), late_share=late)


@st.composite
def fleets(draw: st.DrawFn) -> FleetLoad:
    replicas = tuple(draw(st.lists(replica_loads(), max_size=6)))
    target = draw(st.integers(len(replicas), len(replicas) + 3))
    return FleetLoad(replicas=replicas, target=target, waiting=draw(st.integers(0, 50)))


@st.composite
def rule_sets(draw: st.DrawFn) -> ScalingRules:
    low, high = sorted((draw(st.integers(1, 12)), draw(st.integers(1, 12))))
    return ScalingRules(min_replicas=low, max_replicas=high, warm_slots=draw(st.integers(0, 8)))


def needed(load: FleetLoad, rules: ScalingRules = RULES, at: datetime = MONDAY) -> int:
    return replicas_needed(load, rules, at=at)


def fleet(slots: Sequence[int], used: Sequence[int], *, waiting: int = 0) -> FleetLoad:
    pairs = zip(slots, used, strict=True)
    replicas = tuple(ReplicaLoad(slots=some, used=taken) for some, taken in pairs)
    return FleetLoad(replicas=replicas, target=len(replicas), waiting=waiting)


@given(fleets(), rule_sets())
def test_whichever_replicas_stop_the_others_hold_every_player(
    load: FleetLoad, rules: ScalingRules
) -> None:
    number = needed(load, rules)
    if number < len(load.replicas) and any(replica.slots for replica in load.replicas):
        for staying in combinations(load.replicas, number):
            assert sum(replica.slots for replica in staying) >= load.live


@given(fleets(), rule_sets())
def test_the_bounds_hold_unless_players_need_more(load: FleetLoad, rules: ScalingRules) -> None:
    number = needed(load, rules)
    assert number >= rules.min_replicas
    if number > rules.max_replicas:
        idle = replace(load, waiting=0)
        none_warm = replace(rules, min_replicas=1, warm_slots=0)
        assert number <= needed(idle, replace(none_warm, max_replicas=1000))


@given(fleets(), rule_sets(), st.integers(1, 20))
def test_more_waiting_never_ask_for_fewer(load: FleetLoad, rules: ScalingRules, more: int) -> None:
    longer = replace(load, waiting=load.waiting + more)
    assert needed(longer, rules) >= needed(load, rules)


@given(fleets(), rule_sets())
def test_late_frames_never_ask_for_fewer(load: FleetLoad, rules: ScalingRules) -> None:
    late = tuple(replace(replica, late_share=1.0) for replica in load.replicas)
    assert needed(replace(load, replicas=late), rules) >= needed(load, rules)


@given(st.integers(1, 16), st.integers(0, 60), st.integers(0, 30), st.integers(0, 5), st.data())
def test_the_answer_does_not_depend_on_how_many_run_now(
    slots: int, live: int, waiting: int, warm: int, data: st.DataObject
) -> None:
    """Otherwise the number would swing after each change."""
    least = max(1, -(-live // slots))
    answers = set()
    for _ in range(3):
        number = least + data.draw(st.integers(0, 6))
        used = [0] * number
        for session in range(live):
            used[session % number] += 1
        rules = replace(RULES, warm_slots=warm)
        answers.add(needed(fleet([slots] * number, used, waiting=waiting), rules))
    assert answers == {max(1, -(-(live + waiting + warm) // slots))}


def test_a_warm_slot_is_kept_for_the_next_player() -> None:
    assert needed(fleet([4], [3])) == 1
    assert needed(fleet([4], [4])) == 2
    assert needed(fleet([4], [4]), replace(RULES, warm_slots=0)) == 1
    assert needed(fleet([4, 4], [4, 0], waiting=3)) == 2
    assert needed(fleet([4, 4], [4, 0], waiting=4)) == 3


def test_a_replica_that_takes_nobody_is_made_up_for() -> None:
    assert needed(fleet([0, 4], [0, 3])) == 2
    assert needed(fleet([0, 4], [0, 4])) == 3


def test_a_few_late_frames_change_nothing_and_many_ask_for_room() -> None:
    full = ReplicaLoad(slots=4, used=4, late_share=LATE_SHARE)
    calm = FleetLoad(replicas=(full,) * 4, target=4)
    assert needed(calm, replace(RULES, warm_slots=0)) == 4
    late = FleetLoad(replicas=(replace(full, late_share=0.5),) * 4, target=4)
    assert needed(late, replace(RULES, warm_slots=0)) == 6


def test_before_the_first_report_nothing_changes() -> None:
    assert needed(FleetLoad(replicas=(), target=3, waiting=40)) == 3
    assert needed(FleetLoad(replicas=(), target=0), replace(RULES, min_replicas=2)) == 2


@pytest.mark.parametrize("bad", [(0, 3), (4, 3)])
def test_bounds_that_contradict_are_refused(bad: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="replicas"):
        ScalingRules(min_replicas=bad[0], max_replicas=bad[1])


@pytest.mark.parametrize(
    ("hours", "at", "kept"),
    [
        ("mon 12:00-13:00 4", MONDAY, 4),
        ("mon 12:01-13:00 4", MONDAY, 0),
        ("mon 11:00-12:00 4", MONDAY, 0),
        ("tue-sun 00:00-24:00 4", MONDAY, 0),
        ("sat-tue 00:00-24:00 2; Mon 10:00-14:00 3", MONDAY, 3),
        ("sat-tue 00:00-24:00 2", MONDAY.replace(day=9), 0),
        ("mon-sun 23:00-24:00 2", MONDAY.replace(hour=23, minute=59), 2),
        ("", MONDAY, 0),
    ],
)
def test_a_schedule_keeps_replicas_at_its_hours(hours: str, at: datetime, kept: int) -> None:
    schedule = Schedule.parse(hours)
    assert schedule.least_replicas(at) == kept
    assert needed(fleet([4], [0]), replace(RULES, schedule=schedule), at) == max(1, kept)


@pytest.mark.parametrize(
    "hours", ["always", "mon 12:00-13:00", "mon 13:00-12:00 1", "moo 12:00-13:00 1"]
)
def test_a_schedule_of_another_form_is_refused(hours: str) -> None:
    with pytest.raises(ValueError):
        Schedule.parse(hours)
