"""Every valid form of an offer is answered; every invalid offer is refused."""

import asyncio

import pytest
from aiortc import RTCConfiguration
from aiortc.sdp import SessionDescription
from hypothesis import given, settings

from services.ingest.action_gate import ActionVerdict
from services.ingest.webrtc import rtc_hooks
from services.ingest.webrtc.offer import CandidateRule, read_candidates, read_offer
from services.ingest.webrtc.peer import Peer
from services.telemetry import Problem
from services.wire.codec import VideoCodec
from tests.services.ingest.sdp_kit import (
    TRANSPORT,
    SdpForm,
    damaged_offers,
    forms,
    sections_of,
)

RULE = CandidateRule(private=True, loopback=True)


class SilentHost:
    """A session without input."""

    def take_action(self, message: bytes) -> ActionVerdict:
        raise AssertionError

    def request_keyframe(self) -> None: ...
    def request_reset(self) -> None: ...
    def report_bitrate(self, bits_per_s: int) -> None: ...


@pytest.fixture(autouse=True, scope="module")
def loopback() -> None:
    rtc_hooks.gather_only(["127.0.0.1"])


def answer_to(body: bytes) -> str:
    """Returns the answer by the complete path of an offer, without HTTP. Raises Problem."""

    async def answered() -> str:
        offer = read_offer(body, RULE)
        if not offer.codecs:
            raise Problem(406, "no-common-codec", "none")
        peer = Peer(
            "p", offer, SilentHost(), RTCConfiguration(iceServers=[]), codec=offer.codecs[0]
        )
        try:
            return await peer.answer()
        finally:
            await peer.close()

    return asyncio.run(answered())


@settings(max_examples=60, deadline=None)
@given(forms())
def test_every_valid_form_is_answered_section_by_section(form: SdpForm) -> None:
    answer = answer_to(form.sdp.encode())
    sections = sections_of(answer)
    heads = [section.split("\r\n")[0].split(" ") for section in sections]
    assert [head[0] for head in heads] == [f"m={kind}" for kind in form.kinds]
    assert {i for i, head in enumerate(heads) if head[1] == "0"} == form.refused
    bundle = [line for line in answer.splitlines() if line.startswith("a=group:BUNDLE")]
    kept = {str(i) for i in range(len(heads))} - {str(i) for i in form.refused}
    assert [set(line.split()[1:]) for line in bundle] == ([kept] if form.is_bundled else [])
    for place, section in enumerate(sections):
        assert f"a=mid:{place}\r\n" in section
        is_video = "m=video" in section and place not in form.refused
        assert ("a=sendonly" in section) == (is_video and "a=inactive" not in section)
    assert answer.count("a=sendonly") == 1
    SessionDescription.parse(answer)


@settings(max_examples=300, deadline=None)
@given(damaged_offers())
def test_no_damaged_offer_is_more_than_refused(body: bytes) -> None:
    try:
        read_offer(body, RULE)
    except Problem as problem:
        assert 400 <= problem.status < 500


@settings(max_examples=40, deadline=None)
@given(damaged_offers())
def test_no_damaged_offer_breaks_the_answer(body: bytes) -> None:
    try:
        answer_to(body)
    except Problem as problem:
        assert 400 <= problem.status < 500


def offer_of(*formats: str, transport: tuple[str, ...] = TRANSPORT) -> bytes:
    head = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    video = ["m=video 9 UDP/TLS/RTP/SAVPF 102 103", "a=mid:0", "a=rtcp-mux", *transport, *formats]
    return "\r\n".join([*head, *video, ""]).encode()


@pytest.mark.parametrize("port", ["0", "9"])
def test_a_bundled_channel_without_lines_of_its_own_has_those_of_its_bundle(port: str) -> None:
    """JSEP, section 5.2.1. The generated forms have it, too, but not in every run."""
    video = offer_of("a=rtpmap:102 H264/90000").decode().replace("s=-", "s=-\r\na=group:BUNDLE 0 1")
    channel = (
        f"m=application {port} UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\na=sctp-port:5000"
    )
    body = f"{video}{channel}\r\na=bundle-only\r\n".encode()
    assert read_offer(body, RULE).is_player
    assert [section.split()[1] != "0" for section in sections_of(answer_to(body))] == [True, True]


@pytest.mark.parametrize("blank", [" ", "\t", "  "])
def test_blanks_in_parameters_mean_nothing(blank: str) -> None:
    """The examples of RFC 6184 have them after the semicolon."""
    said = ("packetization-mode=0", "profile-level-id=42e01f")
    fmtp = "a=fmtp:102 " + f";{blank}".join(reversed(said))
    offer = read_offer(offer_of("a=rtpmap:102 H264/90000", fmtp), RULE)
    assert offer.codecs == ()  # the mode was read: one that is not ours
    fmtp = fmtp.replace("mode=0", "mode=1")
    offer = read_offer(offer_of("a=rtpmap:102 H264/90000", fmtp), RULE)
    assert offer.codecs == (VideoCodec.H264,)


def test_h264_without_a_packetization_mode_is_taken_as_gstreamer_means_it() -> None:
    bare = read_offer(offer_of("a=rtpmap:102 H264/90000"), RULE)
    assert bare.codecs == (VideoCodec.H264,)
    assert "packetization-mode=1" in answer_to(offer_of("a=rtpmap:102 H264/90000"))


@pytest.mark.parametrize(
    "formats",
    [
        ("a=rtpmap:102 H264/90000", "a=fmtp:102 packetization-mode=0"),
        ("a=rtpmap:102 H264/90000", "a=fmtp:102 packetization-mode"),
        ("a=rtpmap:102 H264/90000", "a=fmtp:102 packetization-mode=x"),
        ("a=rtpmap:102 H264/90000", "a=fmtp:102 packetization-mode=1;profile-level-id=640032"),
        ("a=rtpmap:102 AV1/90000",),
    ],
)
def test_what_we_do_not_send_is_no_codec_of_ours(formats: tuple[str, ...]) -> None:
    is_lenient = formats[-1].endswith("packetization-mode")  # a name without a value says nothing
    assert bool(read_offer(offer_of(*formats), RULE).codecs) is is_lenient


def test_an_explicit_mode_is_not_overruled() -> None:
    both = ("a=rtpmap:102 H264/90000", "a=rtpmap:103 H264/90000", "a=fmtp:103 packetization-mode=1")
    assert "a=rtpmap:103 H264/90000" in answer_to(offer_of(*both))
    assert "a=rtpmap:102" not in answer_to(offer_of(*both))


def test_candidates_of_a_refused_section_belong_to_the_bundle() -> None:
    """Browsers name the first section of the bundle even after the section was stopped."""
    stopped = ["m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:s", "a=inactive", "a=rtcp-mux", *TRANSPORT]
    body = offer_of("a=rtpmap:102 H264/90000").decode()
    head, video = body.split("m=video", 1)
    group = "a=group:BUNDLE s 0\r\n"
    offer = read_offer(
        (head + group + "\r\n".join([*stopped, ""]) + "m=video" + video).encode(), RULE
    )
    assert list(offer.refused) == [0] and offer.bundle == ("s", "0")
    fragment = b"a=mid:s\r\na=candidate:1 1 udp 1 127.0.0.1 5000 typ host\r\n"
    assert [found.sdpMid for found in read_candidates(fragment, offer, RULE)] == ["0"]


@pytest.mark.parametrize("fragment", [b"", b"\r\n", b"hello", b"{}", b"a=mid:0\r\n", b"a=b\r\nx"])
def test_what_is_no_fragment_is_refused(fragment: bytes) -> None:
    offer = read_offer(offer_of("a=rtpmap:102 H264/90000"), RULE)
    with pytest.raises(Problem) as refused:
        read_candidates(fragment, offer, RULE)
    assert refused.value.status == 400
