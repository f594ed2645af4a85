"""Generates offers in every valid form; each part of the text has several valid spellings."""

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import strategies as st

TRANSPORT = (
    "a=ice-ufrag:user",
    "a=ice-pwd:passwordpasswordpassword",
    "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
    "a=setup:actpass",
)
H264 = (
    ("a=rtpmap:102 H264/90000", "a=fmtp:102 packetization-mode=1;profile-level-id=42e01f"),
    (
        "a=rtpmap:102 H264/90000",
        "a=fmtp:102 level-asymmetry-allowed=1; packetization-mode=1; profile-level-id=42E01F",
    ),
    ("a=rtpmap:102 h264/90000", "a=fmtp:102 Packetization-Mode=1;PROFILE-LEVEL-ID=42001f;"),
    ("a=fmtp:102 profile-level-id=42c028", "a=rtpmap:102 H264/90000"),
    ("a=rtpmap:102 H264/90000",),
)
VP8 = (
    ("a=rtpmap:96 VP8/90000",),
    ("a=rtpmap:96 vp8/90000", "a=fmtp:96 max-fs=12288; max-fr=29.97"),
)
BESIDES = (
    (),
    ("a=rtpmap:98 VP9/90000", "a=fmtp:98 profile-id=0", "a=rtcp-fb:* transport-cc"),
    ("a=rtpmap:102 H264/90000", "a=fmtp:102 packetization-mode=0", "a=rtpmap:35 AV1/90000"),
    ("a=fmtp:18 annexb=no", "a=ssrc:1 cname:x", "a=ssrc:2 novalue", "a=rid:a recv"),
    ("a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid", "a=extmap:14 urn:x with attributes"),
    ("b=AS:2000", "a=rtcp:9 IN IP4 0.0.0.0", "a=rtcp-rsize", "a=ice-options:trickle"),
)
AUDIO = ("a=rtpmap:111 opus/48000/2", "a=rtpmap:18 G729/8000")


@dataclass(frozen=True)
class SdpForm:
    """An offer with the expected answer. `kinds`: kinds of the sections; `refused`: indices of
    sections to answer with port 0; `bundle`: allowed mids of the BUNDLE group, None without a
    group."""

    sdp: str
    kinds: tuple[str, ...]
    refused: frozenset[int]
    is_bundled: bool


@st.composite
def forms(draw: st.DrawFn) -> SdpForm:
    """Generates valid offers with one video section in a supported codec, beside other sections."""
    others = draw(
        st.lists(
            st.sampled_from(("application", "audio", "g729", "stopped", "off", "text")),
            unique=True,
            max_size=4,
        )
    )
    names = draw(st.permutations(["video", *others]))
    is_bundled = draw(st.booleans())
    is_common = draw(st.booleans())  # ICE and DTLS said once for the whole session
    is_bare = is_bundled and not is_common and draw(st.booleans())
    everywhere = draw(st.sampled_from((None, "recvonly", "sendrecv")))
    session = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    if is_bundled:
        bundled = [str(i) for i, name in enumerate(names) if name not in ("off", "text")]
        session.append("a=group:BUNDLE " + " ".join(bundled))
    session += TRANSPORT if is_common else ()
    session += [f"a={everywhere}"] if everywhere else []
    tagged = next(i for i, name in enumerate(names) if name not in ("off", "text"))
    lines = session
    for place, name in enumerate(names):
        needs_transport = not is_common and not (is_bare and place != tagged)
        is_bundle_only = is_bare and place != tagged and draw(st.booleans())
        own = draw(st.sampled_from((None, "recvonly", "sendrecv")))
        if own is None and everywhere is None:
            own = draw(st.sampled_from((None, "recvonly")))
        lines += _section(draw, name, "0" if is_bundle_only else "9", own)
        lines += [f"a=mid:{place}"]
        lines += ["a=bundle-only"] if is_bundle_only and name not in ("off", "text") else []
        lines += TRANSPORT if needs_transport else ()
    end = draw(st.sampled_from(("\r\n", "\n", " \r\n")))
    kinds = tuple(_KINDS.get(name, name) for name in names)
    return SdpForm(
        sdp=end.join(lines) + end,
        kinds=kinds,
        refused=frozenset(
            place
            for place, name in enumerate(names)
            if name in _REFUSED and not (is_bundled and place == tagged)
        ),
        is_bundled=is_bundled,
    )


_KINDS = {"g729": "audio", "off": "audio", "stopped": "video"}
_REFUSED = ("g729", "stopped", "off", "text")


def _section(draw: st.DrawFn, name: str, port: str, direction: str | None) -> list[str]:
    said = [f"a={direction}"] if direction else []
    if name == "video":
        codec = draw(st.sampled_from((*H264, *VP8)))
        beside = draw(st.sampled_from(BESIDES))
        if codec[0].startswith("a=rtpmap:102") or codec[-1].startswith("a=rtpmap:102"):
            beside = tuple(line for line in beside if ":102 " not in line)
        return [
            f"m=video {port} UDP/TLS/RTP/SAVPF 102 96 98 35",
            "c=IN IP4 0.0.0.0",
            *said,
            *codec,
            *beside,
            "a=rtcp-mux",
        ]
    if name == "application":
        more = draw(st.sampled_from(((), ("a=max-message-size:262144",))))
        head = f"m=application {port} UDP/DTLS/SCTP webrtc-datachannel"
        return [head, "a=sctp-port:5000", *more]
    if name == "audio":
        return [f"m=audio {port} UDP/TLS/RTP/SAVPF 111 18", *AUDIO, "a=rtcp-mux", *said]
    if name == "g729":
        return [f"m=audio {port} UDP/TLS/RTP/SAVPF 18", "a=fmtp:18 annexb=no", "a=rtcp-mux"]
    if name == "stopped":
        head = f"m=video {port} UDP/TLS/RTP/SAVPF 96"
        return [head, "a=rtpmap:96 VP8/90000", "a=inactive", "a=rtcp-mux"]
    if name == "off":
        return ["m=audio 0 UDP/TLS/RTP/SAVPF 111", "a=rtpmap:111 opus/48000/2", "a=inactive"]
    return ["m=text 9 UDP/TLS/RTP/SAVPF 99", "a=rtpmap:99 t140/1000"]


def damaged(draw: st.DrawFn, sdp: str) -> bytes:
    """Generates the offer with lines cut, doubled, swapped or partly overwritten."""
    lines = sdp.splitlines()
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, len(lines) - 1))
        match draw(st.integers(0, 4)):
            case 0:
                del lines[place]
            case 1:
                lines.insert(place, lines[place])
            case 2:
                lines[place] = lines[place][: draw(st.integers(0, len(lines[place])))]
            case 3:
                lines[place] += draw(st.text(max_size=8))
            case _:
                lines.insert(draw(st.integers(0, len(lines))), lines.pop(place))
        lines = lines or [""]
    return "\r\n".join(lines).encode()


@st.composite
def damaged_offers(draw: st.DrawFn) -> bytes:
    return damaged(draw, draw(forms()).sdp)


def sections_of(sdp: str) -> list[str]:
    lines = sdp.splitlines(keepends=True)
    starts = [i for i, line in enumerate(lines) if line.startswith("m=")]
    return ["".join(lines[start:end]) for start, end in pairwise([*starts, len(lines)])]
