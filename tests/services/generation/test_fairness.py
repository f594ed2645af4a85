"""Frames that are ready together leave one after another; over time all wait for each other alike.
Drafts are another matter: whose frame is ready first has the first draft of the next one."""

from collections import defaultdict
from itertools import groupby

import pytest

from tests.services.generation.loop_kit import PERIOD_S, LoopBench


def places(bench: LoopBench) -> dict[str, list[int]]:
    """By session: how many frames of the same moment had left before the session's frame did."""
    at = {session_id: iter(times) for session_id, times in bench.events.shown_at.items()}
    shown = [(next(at[f.frame.session_id]), f.frame.session_id) for f in bench.events.frames]
    found: dict[str, list[int]] = defaultdict(list)
    for _, together in groupby(shown, key=lambda pair: pair[0]):
        for place, (_, session_id) in enumerate(together):
            found[session_id].append(place)
    return found


@pytest.mark.parametrize("num_players", [2, 3, 4, 16])
def test_everybody_waits_for_the_others_equally_often(num_players: int) -> None:
    bench = LoopBench(speculation="off")
    for number in range(num_players):
        bench.open(f"p{number}")
    bench.play(1.0)
    bench.events.frames.clear()
    bench.events.shown_at.clear()
    rounds = 4 * num_players
    bench.play(rounds * PERIOD_S)
    found = places(bench)
    assert len(found) == num_players
    means = [sum(of_one) / len(of_one) for of_one in found.values()]
    # One round more or less for who came first: at most one place in all rounds.
    assert max(means) - min(means) <= num_players / rounds + 0.1


def test_who_leaves_takes_its_turn_along() -> None:
    bench = LoopBench()
    for name in ("a", "b", "c"):
        bench.open(name)
    bench.frames(3)
    bench.loop.close("b")
    bench.run_commands()
    bench.play(0.5)
    assert set(places(bench)) == {"a", "b", "c"}
    assert bench.num_late == 0
