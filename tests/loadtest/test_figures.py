"""Figures of samples with known results."""

from dataclasses import replace

import pytest

from loadtest.figures import STAGES, distribution, pace, percentiles, photons
from loadtest.player_log import FrameNote, PlayerLog


def note(rtp_timestamp: int, action_seq: int, queue_ms: float = 5.0) -> FrameNote:
    return FrameNote(
        rtp_timestamp=rtp_timestamp,
        action_seq=action_seq,
        stage_ms=(queue_ms, 20.0, 8.0, 2.0, 1.0),
        steps=2,
        level=0,
        is_speculative=False,
    )


def log_of(sent_at: dict[int, float], frames: list[tuple[float, int]]) -> PlayerLog:
    """`frames`: (arrival in seconds, newest action), RTP timestamps 0, 1, 2..."""
    log = PlayerLog(player=0, is_full=False)
    log.sent_at = sent_at
    for timestamp, (at, seq) in enumerate(frames):
        log.on_packet(timestamp, 1000, at)
        log.notes[timestamp] = note(timestamp, seq)
    return log


def test_percentiles_of_0_to_100_are_themselves() -> None:
    assert percentiles(range(101)) == pytest.approx(tuple(range(101)))
    found = distribution(list(range(101)))
    assert found is not None
    assert (found.num, found.mean, found.p50, found.p95, found.p99) == (101, 50, 50, 95, 99)


def test_one_sample_is_all_its_percentiles_and_none_has_no_distribution() -> None:
    assert percentiles([3.0]) == (3.0,) * 101
    assert distribution([]) is None


def test_an_even_stream_has_its_rate_and_nothing_late() -> None:
    found = pace([i * 0.05 for i in range(201)], left_at=10.01, period_s=0.05)
    assert found is not None
    assert found.fps == pytest.approx(20)
    assert found.low_fps == pytest.approx(20)
    assert (found.num_late, found.num_freezes, found.frozen_s) == (0, 0, 0)


def test_a_gap_is_late_then_a_freeze_and_sets_the_low() -> None:
    arrivals = [0, 0.05, 0.13, 0.18, 0.48]  # gaps of 50, 80, 50 and 300 ms
    found = pace(arrivals, left_at=0.5, period_s=0.05)
    assert found is not None
    assert (found.num_late, found.late_share) == (2, 0.5)
    assert found.num_freezes == 1
    assert found.frozen_s == pytest.approx(0.3)
    assert found.low_fps == pytest.approx(1 / 0.3)
    assert found.longest_gap_ms == pytest.approx(300)


def test_a_stream_that_stopped_does_not_keep_its_rate() -> None:
    found = pace([i * 0.05 for i in range(101)], left_at=10.0, period_s=0.05)
    assert found is not None
    assert found.fps == pytest.approx(10)
    assert found.frozen_s == pytest.approx(5)


def test_one_frame_has_no_pace() -> None:
    assert pace([1.0], left_at=2.0, period_s=0.05) is None


def test_an_action_is_answered_by_the_first_frame_that_saw_it() -> None:
    log = log_of({1: 1.0}, [(0.9, 0), (1.05, 0), (1.1, 1), (1.15, 1)])
    [photon] = photons(log)
    assert photon.total_ms == pytest.approx(100)
    assert photon.stage_ms == pytest.approx((64, 5, 20, 8, 2, 1))
    assert len(photon.stage_ms) == len(STAGES)


def test_a_merged_action_waited_longer_in_the_queue() -> None:
    log = log_of({1: 1.0, 2: 1.03}, [(1.1, 2)])
    older, newer = photons(log)
    assert (older.total_ms, newer.total_ms) == pytest.approx((100, 70))
    assert older.stage_ms == pytest.approx((34, 35, 20, 8, 2, 1))
    assert newer.stage_ms == pytest.approx((34, 5, 20, 8, 2, 1))


def test_nobody_waits_for_what_was_drawn_ahead() -> None:
    log = log_of({1: 1.0}, [(1.02, 1)])
    log.notes[0] = replace(log.notes[0], is_speculative=True)
    [photon] = photons(log)
    assert photon.total_ms == pytest.approx(20)
    assert photon.stage_ms == pytest.approx((12, 5, 0, 0, 2, 1))


def test_a_frame_is_there_with_its_last_packet() -> None:
    log = log_of({1: 1.0}, [(1.1, 1)])
    log.on_packet(0, 500, 1.12)
    [photon] = photons(log)
    assert photon.total_ms == pytest.approx(120)
    assert log.arrivals[0].num_bytes == 1500


def test_a_frame_without_its_note_answers_nothing() -> None:
    log = log_of({1: 1.0}, [(1.1, 1), (1.2, 1)])
    del log.notes[0]
    assert [photon.total_ms for photon in photons(log)] == pytest.approx([200])


def test_a_note_of_an_action_never_sent_is_ignored() -> None:
    assert photons(log_of({1: 1.0}, [(1.1, 4_000_000)])) == []


@pytest.mark.parametrize("garbage", ["", "{", "[]", "{}", '{"rtp_timestamp": null}', "x" * 5000])
def test_a_garbage_note_is_an_error_of_the_player(garbage: str) -> None:
    log = PlayerLog(player=0, is_full=False)
    log.on_note(garbage)
    assert len(log.errors) == 1
    assert log.notes == {}


def test_a_flood_of_errors_is_cut_off() -> None:
    log = PlayerLog(player=0, is_full=False)
    for _ in range(1000):
        log.fail("no")
    assert len(log.errors) == 20
