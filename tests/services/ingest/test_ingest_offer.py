"""Offers are checked before aiortc: bounded, parsed, and without forbidden addresses."""

import pytest
from aiortc import RTCConfiguration
from aiortc.sdp import candidate_from_sdp
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.webrtc import rtc_hooks
from services.ingest.webrtc.offer import (
    MAX_CODECS,
    MAX_FEEDBACKS,
    MAX_FORMATS,
    MAX_LINE_CHARS,
    CandidateRule,
    read_candidates,
    read_offer,
)
from services.ingest.webrtc.peer import Peer
from services.telemetry import Problem
from tests.services.ingest.hostile import NoHost
from tests.services.ingest.loop_clock import MAX_TURN_S, LoopClock, longest_turn_s

OPEN = CandidateRule(private=True, loopback=True)

SECTION = """m={kind}
c=IN IP4 0.0.0.0
a=mid:{mid}
a=recvonly
a=rtcp-mux
a=ice-ufrag:user
a=ice-pwd:passwordpasswordpassword
a=fingerprint:sha-256 AA:BB
a=setup:actpass
"""
VIDEO = "video 9 UDP/TLS/RTP/SAVPF 96"
DATA = "application 9 UDP/DTLS/SCTP webrtc-datachannel"
AUDIO = "audio 9 UDP/TLS/RTP/SAVPF 97"


def sdp(*kinds: str, more: str = "") -> bytes:
    sections = [SECTION.format(kind=kind, mid=mid) for mid, kind in enumerate(kinds)]
    text = "v=0\no=- 1 1 IN IP4 0.0.0.0\ns=-\nt=0 0\n" + "".join(sections) + more
    return text.replace("\n", "\r\n").encode()


def candidate(ip: str, port: int = 5000, protocol: str = "udp") -> str:
    return f"a=candidate:1 1 {protocol} 1 {ip} {port} typ host"


def test_data_channels_make_a_player() -> None:
    assert read_offer(sdp(VIDEO, DATA), OPEN).is_player
    assert not read_offer(sdp(VIDEO), OPEN).is_player


def test_audio_is_noticed() -> None:
    known = read_offer(sdp(VIDEO, AUDIO, more="a=rtpmap:97 opus/48000/2\n"), OPEN)
    assert known.has_audio and not known.refused
    unknown = read_offer(sdp(VIDEO, AUDIO, more="a=rtpmap:97 AMR/8000\n"), OPEN)
    assert not unknown.has_audio and list(unknown.refused) == [1]
    assert not read_offer(sdp(VIDEO), OPEN).has_audio


@pytest.mark.parametrize(
    "body",
    [
        sdp(DATA),
        sdp(VIDEO, VIDEO),
        sdp(VIDEO, DATA, DATA),
        sdp("text 9 X 1"),
        sdp(VIDEO, ""),
        sdp(VIDEO, "audio"),
        sdp(*8 * [AUDIO], VIDEO),
        sdp(VIDEO).replace(b"a=rtcp-mux", b"a=x"),
        sdp(VIDEO).replace(b"a=mid:0\r\n", b""),
        sdp(VIDEO, DATA).replace(b"a=mid:1", b"a=mid:0"),
        sdp(VIDEO).replace(b"a=ice-pwd", b"a=x"),
        sdp(VIDEO).replace(b"a=fingerprint", b"a=x"),
        sdp(VIDEO).replace(b"a=setup", b"a=x"),
        sdp(VIDEO).replace(b"a=recvonly", b"a=sendonly"),
        sdp(VIDEO, more="a=candidate:1 2 3\n"),
        sdp(VIDEO, more="a=b\n" * 1000),
        sdp(VIDEO, more="".join(f"a=rtpmap:{n} X/1\n" for n in range(MAX_CODECS + 1))),
        sdp(VIDEO, more="a=rtpmap:96 X/1\n" + "a=rtcp-fb:* nack\n" * (MAX_FEEDBACKS + 1)),
        sdp(VIDEO, more="a=rtpmap:96 X/1\n" * 50 + "a=rtcp-fb:096 nack\n" * 7),
        sdp(VIDEO, more="a=fmtp:96 a=b\n" * (MAX_FORMATS + 1)),
        sdp(VIDEO, more="a=b:" + "x" * MAX_LINE_CHARS + "\n"),
        sdp(VIDEO, more=(candidate("127.0.0.1") + "\n") * 65),
        b"\xff",
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_reason(body: bytes) -> None:
    with pytest.raises(Problem) as refused:
        read_offer(body, OPEN)
    assert refused.value.status == 400
    assert refused.value.detail


@given(st.binary(max_size=2000))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    with pytest.raises(Problem):
        read_offer(body, OPEN)


@given(st.lists(st.sampled_from(sdp(VIDEO, DATA).split(b"\r\n")), max_size=40))
def test_no_shuffled_offer_breaks_the_reader(lines: list[bytes]) -> None:
    try:
        read_offer(b"\r\n".join(lines), OPEN)
    except Problem as problem:
        assert problem.status == 400


CONNECTABLE = (
    sdp("video 9 UDP/TLS/RTP/SAVPF 102" + " 102" * 450)
    .decode()
    .replace("AA:BB", ":".join(["AA"] * 32))
    .replace("passwordpassword", "passwordpassword1", 1)
    + "a=rtcp-mux\r\na=rtpmap:102 H264/90000\r\n"
    + "a=fmtp:102 packetization-mode=1;profile-level-id=42e01f\r\n"
)
CODECS = "".join(
    f"a=rtpmap:{n} H264/90000\r\n" for n in range(MAX_CODECS - 1) if n not in range(64, 96)
)
FORMATS = "a=fmtp:63 a=b;c=d;e=f;g=h\r\n" * (MAX_FORMATS - 1)
FEEDBACK = "a=rtcp-fb:* nack\r\n" * (MAX_FEEDBACKS // MAX_CODECS)
CANDIDATES = "".join(candidate(f"10.0.0.{n}") + "\r\n" for n in range(64))
WORST = {
    "all": CODECS + FORMATS + FEEDBACK + CANDIDATES + "a=extmap:1 urn:x\r\n" * 200,
    "feedback": CODECS + FEEDBACK + "a=rtcp-fb:102 nack\r\n" * 60,
    "sources": "".join(f"a=ssrc:{n} cname:x\r\n" for n in range(480)),
    "fingerprints": f"a=fingerprint:sha-256 {':'.join(['AA'] * 32)}\r\n" * 480,
    "extensions": "a=extmap:1 urn:x\r\n" * 480,
}


async def turn_s(body: bytes) -> float:
    """Measures all work of ingest for one watcher's offer without an await."""
    clock = LoopClock()
    with clock.running():
        peer = Peer("p1", read_offer(body, OPEN), NoHost(), RTCConfiguration(iceServers=[]))
        try:
            assert "a=sendonly" in await peer.answer()
        finally:
            await peer.close()
    return clock.longest_s


@pytest.mark.parametrize("kind", WORST)
def test_no_offer_holds_the_loop(kind: str) -> None:
    rtc_hooks.gather_only(["127.0.0.1"])
    body = (CONNECTABLE + WORST[kind]).encode()
    assert longest_turn_s(lambda: turn_s(body), runs=6) < MAX_TURN_S


@pytest.mark.parametrize(
    ("ip", "private", "loopback", "is_admitted"),
    [
        ("93.184.216.34", False, False, True),
        ("10.0.0.5", True, False, True),
        ("10.0.0.5", False, False, False),
        ("fd00::1", False, False, False),
        ("127.0.0.1", True, True, True),
        ("127.0.0.1", True, False, False),
        ("::1", True, False, False),
        ("169.254.169.254", True, True, False),
        ("224.0.0.1", True, True, False),
        ("0.0.0.0", True, True, False),
        ("7a4c1d2e.local", True, True, False),
        ("metadata.internal", True, True, False),
    ],
)
def test_only_fit_addresses_are_tried(
    ip: str, private: bool, loopback: bool, is_admitted: bool
) -> None:
    rule = CandidateRule(private=private, loopback=loopback)
    line = candidate(ip)
    assert rule.admits(candidate_from_sdp(line.removeprefix("a=candidate:"))) is is_admitted
    offer = read_offer(sdp(VIDEO, more=line + "\n"), rule)
    assert (line in offer.sdp) is is_admitted
    assert bool(read_candidates(line.encode(), offer, rule)) is is_admitted


def test_tcp_and_port_zero_are_not_tried() -> None:
    for line in (candidate("1.2.3.4", protocol="tcp"), candidate("1.2.3.4", port=0)):
        assert line not in read_offer(sdp(VIDEO, more=line + "\n"), OPEN).sdp


def test_the_end_of_candidates_is_left_out_because_the_browsers_checks_still_come() -> None:
    offer = read_offer(sdp(VIDEO, more="a=end-of-candidates\n"), OPEN)
    assert "end-of-candidates" not in offer.sdp
