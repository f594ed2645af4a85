"""The verdict: every requested player counts, and a late load test judges nobody."""

from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.figures import distribution
from loadtest.report import Overhead, Player, player_figures
from loadtest.slo import Attainment, ServiceLevelObjective, SloVerdict, judge
from tests.loadtest.test_report import GOOD, PERIOD_S, SLOW, blind

QUIET = Overhead(loop_lag_ms=distribution([1.0, 2.0]), cpu_share=0.2)
DEFAULT = ServiceLevelObjective()


def verdict(*players: Player, overhead: Overhead = QUIET) -> SloVerdict:
    return judge(players, overhead, DEFAULT)


def player(log: object = GOOD) -> Player:
    return player_figures(log, period_s=PERIOD_S)  # type: ignore[arg-type]


def test_players_with_all_that_was_promised_pass() -> None:
    found = verdict(player(), player())
    assert (found.outcome, found.attained, found.reasons) == (Attainment.PASS, 1.0, ())


def test_the_worst_player_decides_and_the_reasons_say_why() -> None:
    found = verdict(player(), player(SLOW))
    assert (found.outcome, found.attained) == (Attainment.FAIL, 0.5)
    assert all(reason.startswith("player 1: ") for reason in found.reasons)
    assert any("on time" in reason for reason in found.reasons)
    assert any("action to photon" in reason for reason in found.reasons)


def test_who_was_refused_counts() -> None:
    found = verdict(player(), player(blind()))
    assert (found.outcome, found.reasons) == (Attainment.FAIL, ("player 2: no video",))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"first_frame_s": 30.0}, "first frame after 30.0 s"),
        ({"max_level": 3}, "quality level 3"),
        ({"action_to_photon_ms": None}, "no action"),
    ],
)
def test_each_promise_can_be_broken(change: dict[str, object], reason: str) -> None:
    found = verdict(replace(player(), **change))  # type: ignore[arg-type]
    assert len(found.reasons) == 1 and reason in found.reasons[0]


@pytest.mark.parametrize("log", [GOOD, SLOW])
def test_a_late_load_test_gives_no_verdict(log: object) -> None:
    late = Overhead(loop_lag_ms=distribution([50.0, 60.0]), cpu_share=1.0)
    found = verdict(player(log), overhead=late)
    assert found.outcome is Attainment.NONE
    assert "the load test itself was late" in found.reasons[0]


def test_an_objective_is_read_from_toml(tmp_path: Path) -> None:
    path = tmp_path / "slo.toml"
    path.write_text("on_time_share = 0.95\nmax_level = 3\n")
    assert ServiceLevelObjective.read(path) == replace(DEFAULT, on_time_share=0.95, max_level=3)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("latency = 3", "unknown"),
        ("on_time_share = 99", "at most 1"),
        ("max_level = 'low'", "a number from 0"),
        ("max_level = true", "a number from 0"),
        ("= 3", "slo.toml"),
    ],
)
def test_a_file_that_is_no_objective_is_refused(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "slo.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=complaint):
        ServiceLevelObjective.read(path)
