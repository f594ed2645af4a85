"""Pacer, mailbox, bit rates, action buffer: the small deciding parts of a replica, without I/O."""

import threading

import pytest

from services.generation.frames.action_buffer import SILENCE_S, ActionBuffer
from services.generation.frames.pacer import Pacer
from services.generation.video.bitrate import BitRateSelector, choose_bit_rates
from services.generation.video.encoder_requests import EncoderRequests
from services.generation.video.mailbox import Mailbox
from services.wire.action import Action


class TestPacer:
    def test_a_late_tick_does_not_move_the_next_one(self) -> None:
        pacer = Pacer(10.0, now=0.0)
        for now, next_tick_s in ((0.0, 0.1), (0.14, 0.2), (0.2, 0.3)):
            pacer.tick(now)
            assert pacer.next_tick_s == pytest.approx(next_tick_s)

    def test_no_burst_follows_a_stall(self) -> None:
        pacer = Pacer(10.0, now=0.0)
        pacer.tick(0.0)
        pacer.tick(5.0)
        pacer.tick(5.0)
        assert pacer.wait_s(5.0) == pytest.approx(0.1)

    def test_a_new_rate_counts_from_the_last_tick(self) -> None:
        pacer = Pacer(10.0, now=0.0)
        pacer.tick(0.0)
        pacer.set_fps(5.0)
        assert pacer.wait_s(0.0) == pytest.approx(0.2)


class TestMailbox:
    def test_the_newest_wins(self) -> None:
        mailbox: Mailbox[int] = Mailbox()
        assert not mailbox.put("a", 1)
        assert mailbox.put("a", 2)
        assert mailbox.take() == ("a", 2)

    def test_who_is_overwritten_keeps_its_turn(self) -> None:
        mailbox: Mailbox[int] = Mailbox()
        mailbox.put("a", 1)
        mailbox.put("b", 1)
        mailbox.put("a", 2)
        assert [mailbox.take(), mailbox.take()] == [("a", 2), ("b", 1)]

    def test_taking_waits_for_somebody_to_put(self) -> None:
        mailbox: Mailbox[int] = Mailbox()
        taken: list[tuple[str, int] | None] = []
        taker = threading.Thread(target=lambda: taken.append(mailbox.take()))
        taker.start()
        mailbox.put("a", 7)
        taker.join(5)
        assert taken == [("a", 7)]

    def test_closing_ends_the_wait(self) -> None:
        mailbox: Mailbox[int] = Mailbox()
        taken: list[tuple[str, int] | None] = []
        taker = threading.Thread(target=lambda: taken.append(mailbox.take()))
        taker.start()
        mailbox.close()
        taker.join(5)
        assert taken == [None]


class TestBitRateSelector:
    RATES = choose_bit_rates(512, 320, 17.5)

    def test_rates_suit_the_picture(self) -> None:
        assert pytest.approx((344_000, 1_003_000, 2_007_000), rel=0.01) == self.RATES

    def test_starts_in_the_middle(self) -> None:
        assert BitRateSelector(self.RATES).bit_rate == self.RATES[1]

    def test_falls_after_two_low_reports_not_after_one(self) -> None:
        rate = BitRateSelector(self.RATES)
        assert not rate.report(400_000, sent_bps=1_000_000, now=0)
        assert not rate.report(2_000_000, sent_bps=1_000_000, now=1)
        assert not rate.report(400_000, sent_bps=1_000_000, now=2)
        assert rate.report(400_000, sent_bps=1_000_000, now=3)
        assert rate.bit_rate == self.RATES[0]

    def test_a_quiet_picture_is_no_bad_line(self) -> None:
        rate = BitRateSelector(self.RATES)
        assert not any(rate.report(90_000, sent_bps=60_000, now=now) for now in range(60))

    def test_climbs_after_seconds_of_room(self) -> None:
        rate = BitRateSelector(self.RATES)
        moved_at = [now for now in range(20) if rate.report(1_400_000, 1_000_000, now)]
        assert moved_at == [8]
        assert rate.bit_rate == self.RATES[2]

    def test_after_a_fall_the_next_climb_waits_twice_as_long(self) -> None:
        rate = BitRateSelector(self.RATES)
        rate.report(400_000, 1_000_000, 0)
        rate.report(400_000, 1_000_000, 0)
        moved_at = [now for now in range(20) if rate.report(500_000, 340_000, now)]
        assert moved_at == [16]

    def test_never_leaves_its_bit_rates(self) -> None:
        rate = BitRateSelector(self.RATES)
        for now in range(60):
            rate.report(1, 1_000_000, now)
        assert rate.bit_rate == self.RATES[0]
        for now in range(100, 400):
            rate.report(100_000_000, 2_000_000, now)
        assert rate.bit_rate == self.RATES[-1]


class TestActionBuffer:
    def test_nothing_new_is_the_same_buttons_and_no_motion(self) -> None:
        buffer = ActionBuffer(0.0)
        buffer.add(Action(held=1, x_total=5, seq=1).to_bytes(), 0.0)
        buffer.add(Action(held=1, x_total=9, seq=2).to_bytes(), 0.0)
        first, second = buffer.take(0.05), buffer.take(0.1)
        assert (first.held, first.dx, first.seq) == (1, 4, 2)
        assert (second.held, second.dx, second.seq) == (1, 0, 2)

    def test_silent_hands_let_go(self) -> None:
        buffer = ActionBuffer(0.0)
        buffer.add(Action(held=1, seq=1).to_bytes(), 0.0)
        assert buffer.take(SILENCE_S).held == 1
        assert buffer.take(SILENCE_S + 0.1).held == 0

    def test_a_reloaded_page_counts_from_one_and_is_heard_again(self) -> None:
        buffer = ActionBuffer(0.0, last_seq=900)
        for seq in range(1, 6):
            buffer.add(Action(held=4, x_total=1000, seq=seq).to_bytes(), seq / 17.5)
        merged = buffer.take(0.3)
        assert (merged.held, merged.seq, merged.dx) == (4, 5, 0)

    def test_actions_read_twice_are_no_reloaded_page(self) -> None:
        """After an outage Redis may show its whole stream again, in one read."""
        buffer = ActionBuffer(0.0, last_seq=50)
        for seq in range(1, 51):
            buffer.add(Action(held=1, seq=seq).to_bytes(), 1.0)
        assert buffer.take(1.0) == buffer.take(1.0)
        assert buffer.last_seq == 50

    def test_what_is_no_action_is_refused(self) -> None:
        with pytest.raises(ValueError, match="28 bytes"):
            ActionBuffer(0.0).add(b"garbage", 0.0)


class TestEncoderRequests:
    def test_a_request_stands_until_a_keyframe_was_made(self) -> None:
        requests = EncoderRequests()
        requests.request_keyframe()
        assert requests.wants_keyframe
        requests.note_keyframe()
        assert not requests.wants_keyframe

    def test_a_bit_rate_is_taken_once(self) -> None:
        requests = EncoderRequests()
        requests.report_bit_rate(1)
        requests.report_bit_rate(2)
        assert (requests.take_bit_rate(), requests.take_bit_rate()) == (2, None)
