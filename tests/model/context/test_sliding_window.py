"""The sliding window keeps the newest frames and never takes one back."""

from model.context.sliding_window import SlidingWindow


def test_it_keeps_everything_until_it_is_full() -> None:
    assert SlidingWindow(4).keep(0) == ()
    assert SlidingWindow(4).keep(3) == (0, 1, 2)


def test_it_keeps_the_newest_frames_once_full() -> None:
    assert SlidingWindow(4).keep(10) == (6, 7, 8, 9)


def test_a_frame_left_out_is_never_kept_again() -> None:
    policy = SlidingWindow(3)
    for num_frames in range(1, 20):
        dropped = set(range(num_frames)) - set(policy.keep(num_frames))
        assert dropped.isdisjoint(policy.keep(num_frames + 1))
