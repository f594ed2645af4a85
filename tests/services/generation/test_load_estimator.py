"""The cost of a pass, and the engine time of a frame for every session."""

import pytest

from services.generation.frames.load_estimator import LoadEstimator
from services.generation.frames.quality_constants import LoadConstants


def new_estimator() -> LoadEstimator:
    return LoadEstimator(LoadConstants())


def observe(
    load: LoadEstimator, seconds: float, *, is_requested: bool = True, shortened_share: float = 0.0
) -> None:
    load.observe_pass(seconds, is_requested=is_requested, shortened_share=shortened_share)


def test_a_pass_fits_where_the_last_passes_fit() -> None:
    load = new_estimator()
    assert load.pass_fits(0.0)  # nothing is known yet
    observe(load, 0.010)
    assert load.pass_fits(0.013)
    assert not load.pass_fits(0.011)


def test_a_sample_is_a_frame_for_every_session() -> None:
    load = new_estimator()
    load.restart(now=5.0)
    observe(load, 0.010)
    load.observe_frame(is_late=False)
    assert load.take_sample(2, now=5.05, share_used=0.0) is None
    observe(load, 0.020)
    load.observe_frame(is_late=False)
    sample = load.take_sample(2, now=5.1, share_used=0.0)
    assert sample is not None
    assert sample.cost_s == pytest.approx(0.03)
    assert sample.passed_s == pytest.approx(0.1)
    assert load.take_sample(2, now=5.2, share_used=0.0) is None


def test_only_accepted_drafts_count_as_load() -> None:
    load = new_estimator()
    load.restart(now=0.0)
    observe(load, 0.010)
    observe(load, 0.040, is_requested=False)
    load.observe_frame(is_late=False)
    sample = load.take_sample(1, now=0.1, share_used=0.5)
    assert sample is not None
    assert sample.cost_s == pytest.approx(0.03)


def test_a_frame_takes_its_passes_and_a_margin() -> None:
    load = new_estimator()
    assert load.frame_s(2) == 0.0  # nothing is known yet
    observe(load, 0.010)
    observe(load, 0.500, is_requested=False)
    assert load.frame_s(2) == pytest.approx(0.023)


@pytest.mark.parametrize("shortened_share", [0.0, 0.5, 1.0])
def test_a_pass_of_shortened_frames_tells_the_time_of_whole_frames(shortened_share: float) -> None:
    """Shortening frames neither ends nor keeps up the need to shorten frames."""
    load = new_estimator()
    observe(load, 0.010)
    for _ in range(20):
        observe(load, 0.010 - 0.0015 * shortened_share, shortened_share=shortened_share)
    assert load.frame_s(1) == pytest.approx(0.0115)


def test_one_stall_says_little_about_later_passes() -> None:
    load = new_estimator()
    for seconds in (0.010, 60.0):
        observe(load, seconds)
    assert load.frame_s(1) == pytest.approx(1.1 * 0.0115)


@pytest.mark.parametrize(("frames", "is_all_late"), [((True, True), True), ((True, False), False)])
def test_a_sample_is_late_if_all_its_frames_are(
    frames: tuple[bool, ...], is_all_late: bool
) -> None:
    load = new_estimator()
    load.restart(now=0.0)
    for number in range(2):  # nothing stays from sample to sample
        for is_late in frames:
            load.observe_frame(is_late=is_late)
        sample = load.take_sample(2, now=float(number), share_used=0.0)
        assert sample is not None and sample.is_all_late is is_all_late
