"""A thousand equal warnings become one line a minute with the number of warnings."""

import logging

import pytest

from services.repeated_log import MAX_CAUSES, PERIOD_S, RepeatedLog


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, int]]:
    return [(r.message, r.__dict__["cause"], r.__dict__["count"]) for r in caplog.records]


def test_one_line_per_cause_and_minute_with_a_count(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    log = RepeatedLog(logging.getLogger("toy"), clock=clock)
    for _ in range(300):  # 30 s of them
        log.warning("action lost", cause="full", session_id="a")
        log.warning("action lost", cause="away")
        clock.now += 0.1
    clock.now += PERIOD_S
    log.warning("action lost", cause="full")
    assert lines(caplog) == [
        ("action lost", "full", 1),
        ("action lost", "away", 1),
        ("action lost", "full", 300),
    ]
    assert caplog.records[0].__dict__["session_id"] == "a"


def test_causes_that_strangers_make_up_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    log = RepeatedLog(logging.getLogger("toy"), clock=clock)
    for i in range(10 * MAX_CAUSES):
        log.warning("refused", cause=str(i))
    assert len(caplog.records) == MAX_CAUSES + 1
    assert len(log._logged) == MAX_CAUSES + 1
    clock.now += PERIOD_S
    log.warning("refused", cause="new")
    assert lines(caplog)[-1] == ("refused", "new", 1)
    assert len(log._logged) == 1


def test_a_traceback_comes_along(caplog: pytest.LogCaptureFixture) -> None:
    log = RepeatedLog(logging.getLogger("toy"))
    try:
        raise KeyError("x")
    except KeyError as error:
        log.warning("look failed", cause=repr(error), with_traceback=True)
    assert caplog.records[0].exc_info is not None
