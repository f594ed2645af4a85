"""What passes cost, and what a frame for everybody costs."""

import pytest

from services.generation.frames.workload import Workload


def test_a_pass_fits_where_the_last_ones_would_have() -> None:
    workload = Workload()
    assert workload.fits(0.0)  # nothing is known yet
    workload.note_pass(0.010, is_due=True)
    assert workload.fits(0.013)
    assert not workload.fits(0.011)


def test_a_round_is_a_frame_for_everybody() -> None:
    workload = Workload()
    workload.restart(now=5.0)
    workload.note_pass(0.010, is_due=True)
    workload.note_frame()
    assert workload.take_round(2, now=5.05, share_used=0.0) is None
    workload.note_pass(0.020, is_due=True)
    workload.note_frame()
    ended = workload.take_round(2, now=5.1, share_used=0.0)
    assert ended is not None
    assert ended.cost_s == pytest.approx(0.03)
    assert ended.passed_s == pytest.approx(0.1)
    assert workload.take_round(2, now=5.2, share_used=0.0) is None


def test_drafts_cost_what_came_of_them() -> None:
    workload = Workload()
    workload.restart(now=0.0)
    workload.note_pass(0.010, is_due=True)
    workload.note_pass(0.040, is_due=False)
    workload.note_frame()
    ended = workload.take_round(1, now=0.1, share_used=0.5)
    assert ended is not None
    assert ended.cost_s == pytest.approx(0.03)


def test_a_frame_takes_its_passes_and_a_little_more() -> None:
    workload = Workload()
    assert workload.frame_s(2) == 0.0  # nothing is known yet
    workload.note_pass(0.010, is_due=True)
    workload.note_pass(0.500, is_due=False)
    assert workload.frame_s(2) == pytest.approx(0.023)


@pytest.mark.parametrize("hasty_share", [0.0, 0.5, 1.0])
def test_a_pass_in_haste_says_what_it_would_have_taken(hasty_share: float) -> None:
    """So that haste neither ends nor goes on by itself."""
    workload = Workload()
    workload.note_pass(0.010, is_due=True)
    for _ in range(20):
        workload.note_pass(0.010 - 0.0015 * hasty_share, is_due=True, hasty_share=hasty_share)
    assert workload.frame_s(1) == pytest.approx(0.0115)


def test_one_stall_says_little_of_the_passes_to_come() -> None:
    workload = Workload()
    for seconds in (0.010, 60.0):
        workload.note_pass(seconds, is_due=True)
    assert workload.frame_s(1) == pytest.approx(1.1 * 0.0115)


@pytest.mark.parametrize(("frames", "is_pressed"), [((True, True), True), ((True, False), False)])
def test_a_round_is_pressed_if_all_its_frames_are(
    frames: tuple[bool, ...], is_pressed: bool
) -> None:
    workload = Workload()
    workload.restart(now=0.0)
    for number in range(2):  # nothing stays from round to round
        for is_frame_pressed in frames:
            workload.note_frame(is_pressed=is_frame_pressed)
        ended = workload.take_round(2, now=float(number), share_used=0.0)
        assert ended is not None and ended.is_pressed is is_pressed
