"""The stage `hop` is a difference of two machines' clocks (cases/field.md C26)."""

import pytest

from services.ingest.webrtc.hop_clock import FRAMES_PER_WINDOW, HopClock


def test_clocks_that_agree_tell_the_whole_hop() -> None:
    clock = HopClock()
    assert clock.hop_s(sent_at_s=100.0, now_s=100.004) == pytest.approx(0.004)
    assert clock.hop_s(sent_at_s=101.0, now_s=101.3) == pytest.approx(0.3)


@pytest.mark.parametrize("ahead_s", [-60.0, -0.01, 1.0, 130.0])
def test_clocks_that_differ_tell_what_is_above_the_quickest(ahead_s: float) -> None:
    clock = HopClock()
    assert clock.hop_s(sent_at_s=100.0, now_s=100.004 + ahead_s) == pytest.approx(0.0)
    assert clock.hop_s(sent_at_s=101.0, now_s=101.034 + ahead_s) == pytest.approx(0.03)


def test_a_clock_that_was_set_is_followed() -> None:
    clock = HopClock()
    clock.hop_s(sent_at_s=0.0, now_s=0.004)
    hops = [clock.hop_s(sent_at_s=i, now_s=i + 130.004) for i in range(2 * FRAMES_PER_WINDOW)]
    assert hops[-1] == pytest.approx(0.0, abs=1e-6)
