"""The report of known players, as JSON, table and page."""

import json
from html.parser import HTMLParser

import pytest

from loadtest.figures import distribution
from loadtest.page import page
from loadtest.player_log import PlayerLog
from loadtest.report import SCHEMA, VERSION, Overhead, Report, player_figures, summarise
from loadtest.scenario import Scenario
from loadtest.slo import ServiceLevelObjective, judge
from loadtest.table import table

PERIOD_S = 0.05


def player_log(player: int, *, gap_s: float, late_by_s: float = 0.0) -> PlayerLog:
    """Ten seconds of frames, each with one action sent 100 ms (and `late_by_s`) before."""
    log = PlayerLog(player=player, is_full=player == 0)
    log.joined_at, log.connected_at, log.left_at = 0.0, 0.5, 11.0
    for i in range(round(10 / gap_s) + 1):
        at = 1 + i * gap_s
        log.sent_at[i + 1] = at - 0.1 - late_by_s
        log.on_packet(i, 1000, at)
        stage_ms = {"queue": 5, "denoise": 20, "decode": 8, "encode": 2, "hop": 1}
        content = {"rtp_timestamp": i, "action_seq": i + 1, "stage_ms": stage_ms}
        log.on_note(json.dumps({**content, "steps": 2, "level": 1, "speculative": i % 2 == 0}))
    return log


def report_of(*logs: PlayerLog) -> Report:
    users = tuple(player_figures(log, period_s=PERIOD_S) for log in logs)
    overhead = Overhead(loop_lag_ms=distribution([1.0, 2.0]), cpu_share=0.2)
    return Report(
        schema=SCHEMA,
        version=VERSION,
        machine={"cpu": "one <b>fast</b> core", "num_cores": 1, "load_1m": 0.5},
        commit="abc",
        scenario=Scenario(users=len(logs), seconds=10),
        world="numbers",
        period_ms=1000 * PERIOD_S,
        users=users,
        summary=summarise(users, logs),
        overhead=overhead,
        verdict=judge(users, overhead, ServiceLevelObjective()),
    )


GOOD = player_log(0, gap_s=0.05)
SLOW = player_log(1, gap_s=0.1, late_by_s=0.2)


def blind() -> PlayerLog:
    log = PlayerLog(player=2, is_full=False)
    log.joined_at, log.left_at = 0.0, 11.0
    log.fail("asking for a session: 429 the line is full")
    return log


def test_the_worst_player_decides() -> None:
    over = report_of(GOOD, SLOW).summary.over_players
    assert (over["fps"].worst, over["fps"].best) == pytest.approx((10, 20))
    assert over["late_share"].worst == 1
    p95 = over["action_to_photon_p95_ms"]
    assert (p95.worst, p95.median, p95.best) == pytest.approx((300, 200, 100))


def test_a_player_who_saw_nothing_is_the_worst() -> None:
    summary = report_of(GOOD, blind()).summary
    assert summary.num_players_with_frames == 1
    assert summary.over_players["fps"].worst == 0
    assert summary.num_errors == 1


def test_json_says_what_it_is_and_keeps_every_player() -> None:
    content = json.loads(report_of(GOOD, SLOW, blind()).to_json())
    assert (content["schema"], content["version"]) == ("nextframe.loadtest", 1)
    assert {"machine", "commit", "scenario", "users", "summary"} <= content.keys()
    good, _, unseen = content["users"]
    assert good["pace"]["fps"] == pytest.approx(20)
    assert good["first_frame_s"] == 1
    assert good["video_bytes"] == 201_000
    drawn_ahead_ms = 28 * good["speculative_share"]  # the rest of these 100 ms, then
    assert good["stage_ms"]["network"]["mean"] == pytest.approx(64 + drawn_ahead_ms, abs=0.05)
    assert (good["mean_steps"], good["max_level"]) == (2, 1)
    assert unseen["pace"] is None and unseen["action_to_photon_ms"] is None
    assert unseen["errors"] == ["asking for a session: 429 the line is full"]


def test_the_table_names_each_player_and_each_error() -> None:
    lines = table(report_of(GOOD, SLOW, blind())).splitlines()
    assert "2 of 3 players got frames" in lines[0]
    assert lines[2].split()[:3] == ["0", "full", "20.00"]
    assert lines[3].split()[:2] == ["1", "10.00"]
    assert "player 2: asking for a session: 429 the line is full" in lines


class Tags(HTMLParser):
    """Tags and attribute values of a page; fails on unclosed tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.links: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag != "meta":
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    tags = Tags(page(report_of(GOOD, SLOW, blind())))
    assert tags.seen.count("svg") == 3
    assert tags.links == []
    assert not {"script", "img", "link"} & set(tags.seen)


def test_the_page_escapes_what_it_was_given() -> None:
    text = page(report_of(GOOD))
    assert "one &lt;b&gt;fast&lt;/b&gt; core" in text
    assert "<b>fast" not in text


def test_a_page_without_any_frame_still_says_so() -> None:
    assert "No action was answered" in page(report_of(blind()))
