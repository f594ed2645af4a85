"""The search for the number of players that a service carries."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.page import ramp_page
from loadtest.ramp import Ramp, ramp
from loadtest.report import Report
from loadtest.slo import Attainment, SloVerdict
from tests.loadtest.test_report import GOOD, report_of

pytestmark = pytest.mark.asyncio


async def search(carried: int, *, most: int, none_from: int = 10_000) -> tuple[Ramp, list[int]]:
    """With a service that carries so many players."""
    played: list[int] = []

    async def play(players: int) -> tuple[Report, SloVerdict]:
        played.append(players)
        report = report_of(GOOD)
        outcome = Attainment.PASS if players <= carried else Attainment.FAIL
        outcome = Attainment.NONE if players >= none_from else outcome
        return report, replace(report.verdict, outcome=outcome)

    return await ramp(play, most=most), played


@pytest.mark.parametrize("carried", [0, 1, 2, 5, 7, 11, 13, 40])
async def test_the_answer_is_the_largest_number_that_held(carried: int) -> None:
    found, played = await search(carried, most=64)
    assert (found.players, found.is_bounded) == (carried, True)
    assert carried + 1 in played  # one more was tried
    assert len(played) == len(set(played)) <= 16


async def test_a_service_that_carries_all_is_not_bounded() -> None:
    found, played = await search(99, most=5)
    assert (found.players, found.is_bounded, played) == (5, False, [1, 2, 3, 4, 5])


async def test_a_late_load_test_ends_the_search() -> None:
    found, played = await search(99, most=64, none_from=6)
    assert (found.players, played) == (4, [1, 2, 3, 4, 6])


async def test_the_curve_is_written_and_shown(tmp_path: Path) -> None:
    found, _ = await search(2, most=8)
    path = found.write(tmp_path, machine={"cpu": "one"}, commit="abc")
    content = json.loads(path.read_text())
    assert (content["schema"], content["players"]) == ("nextframe.loadtest-ramp", 2)
    assert [step["players"] for step in content["steps"]] == [1, 2, 3]
    html = ramp_page(found)
    assert "This service carries 2 players" in html and "<svg" in html
