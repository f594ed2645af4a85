"""A scene's first frames for ever, and the newest."""

import pytest

from model.context.sink_window import SinkWindow


def test_it_keeps_everything_until_it_is_full() -> None:
    policy = SinkWindow(num_sinks=2, window=3)
    assert policy.keep(0) == ()
    assert policy.keep(1) == (0,)
    assert policy.keep(5) == (0, 1, 2, 3, 4)


def test_it_keeps_the_first_frames_and_the_newest() -> None:
    assert SinkWindow(num_sinks=2, window=3).keep(1_000_000) == (0, 1, 999_997, 999_998, 999_999)


def test_a_frame_left_out_is_never_kept_again() -> None:
    policy = SinkWindow(num_sinks=2, window=3)
    for num_frames in range(1, 20):
        dropped = set(range(num_frames)) - set(policy.keep(num_frames))
        assert dropped.isdisjoint(policy.keep(num_frames + 1))


@pytest.mark.parametrize(("num_sinks", "window"), [(0, 3), (1, 0)])
def test_half_of_it_is_another_policy(num_sinks: int, window: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        SinkWindow(num_sinks=num_sinks, window=window)
