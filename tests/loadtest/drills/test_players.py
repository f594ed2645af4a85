"""A player's figures by phase, and the ports for an attacker."""

import pytest

from loadtest.drills.players import loopback_ports, phase_pace
from loadtest.player_log import PlayerLog

ANSWER = """v=0
m=video 9 UDP/TLS/RTP/SAVPF 96
a=candidate:1 1 udp 2130706431 127.0.0.1 40001 typ host
a=candidate:2 1 udp 2130706431 172.17.0.2 40002 typ host
a=candidate:3 1 tcp 1 127.0.0.1 9 typ host tcptype active
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
a=candidate:1 1 udp 2130706431 127.0.0.1 40001 typ host
"""


def log_of(*times: float) -> PlayerLog:
    log = PlayerLog(player=0, is_full=False)
    for number, at in enumerate(times):
        log.on_packet(number, 100, at)
    return log


def test_a_phase_has_its_own_frames_only() -> None:
    log = log_of(*(frame / 10 for frame in range(300)))
    found = phase_pace(log, period_s=0.1, began=10.0, ended=20.0)
    assert found.fps == pytest.approx(10.0, rel=0.02)
    assert found.late_share == 0.0
    assert found.longest_gap_ms == pytest.approx(100.0)


def test_silence_at_the_end_and_at_the_beginning_counts() -> None:
    log = log_of(*(14 + frame / 10 for frame in range(20)))
    found = phase_pace(log, period_s=0.1, began=10.0, ended=20.0)
    assert found.fps == pytest.approx(2.0, rel=0.06)
    assert found.longest_gap_ms == pytest.approx(4100.0)


def test_a_phase_without_frames() -> None:
    found = phase_pace(log_of(1.0), period_s=0.1, began=10.0, ended=20.0)
    assert (found.fps, found.late_share, found.longest_gap_ms) == (0.0, 1.0, 10_000.0)


def test_ports_are_those_of_loopback() -> None:
    assert loopback_ports(ANSWER) == [("127.0.0.1", 40001)]
