"""Parses an SDP offer from an untrusted browser, with bounds on size, before aiortc sees the offer.

Knows no connection. Raises `Problem` with a text for the author of the offer.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from aiortc import RTCIceCandidate
from aiortc.sdp import MediaDescription, SessionDescription, candidate_from_sdp

from services.ingest.webrtc import rtc_hooks
from services.ingest.webrtc.sdp_forms import (
    Description,
    Section,
    in_one_form,
    refused_sections,
)
from services.telemetry import Problem
from services.wire.codec import VideoCodec

# aiortc's parser is quadratic in some of these, so they are counted first. A browser's offer with
# every codec it knows has some 250 lines and 150 feedbacks.
MAX_LINES = 500
MAX_LINE_CHARS = 2000
MAX_CODECS = 80
MAX_FEEDBACKS = 300  # every `*` counts once for each codec
MAX_FORMATS = 100
MAX_CANDIDATES = 64
MAX_SECTIONS = 8

_CANDIDATE = "a=candidate:"
_CODEC, _FEEDBACK = "a=rtpmap:", "a=rtcp-fb:"
_LIMITS = {
    "": MAX_LINES,
    _CODEC: MAX_CODECS,
    "a=fmtp:": MAX_FORMATS,
    _CANDIDATE: MAX_CANDIDATES,
}
_UNUSED = "a=ssrc"  # what the other side would send; nothing is received here
_MEDIA_LINE = re.compile(r"m=\S+ \d+ \S+( \S+)+")
_END = "a=end-of-candidates"
_FRAGMENT_FIELDS = (_CANDIDATE, _END, "a=ice-ufrag:")


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRule:
    """Allowed remote addresses. ICE sends packets to any offered address, so a stranger could aim
    the server at a third party. Host names are never resolved; a browser behind an mDNS name must
    send first."""

    private: bool
    loopback: bool

    def admits(self, candidate: RTCIceCandidate) -> bool:
        try:
            ip = ipaddress.ip_address(candidate.ip)
        except ValueError:
            return False
        if candidate.protocol.lower() != "udp" or not 0 < candidate.port < 65536:
            return False
        if ip.is_loopback:
            return self.loopback
        if ip.is_multicast or ip.is_unspecified or ip.is_link_local or ip.is_reserved:
            return False
        return self.private or ip.is_global


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """`sdp`: the part for aiortc. `is_player`: the offer has data channels. `has_audio`: the offer
    has an audio section, which the answer must decline. `codecs`: supported codecs of the video
    section, best first. `mids`: sections answered by aiortc; `refused`: indices of the other
    sections. `bundle`: mids of the answer's BUNDLE group, if any."""

    sdp: str
    is_player: bool
    has_audio: bool
    codecs: tuple[VideoCodec, ...]
    mids: tuple[str, ...]
    refused: Mapping[int, Section]
    bundle: tuple[str, ...]
    ice_ufrag: str


def read_offer(body: bytes, rule: CandidateRule) -> Offer:
    """Raises Problem 400 with the reason."""
    text = _decode(body)
    lines = [line.rstrip() for line in text.splitlines()]
    _check_size(lines)
    _check_feedback(lines)
    offered = Description.of([line for line in lines if _may_stay(line, rule)])
    if len(offered.sections) > MAX_SECTIONS:
        raise bad(f"Offer at most {MAX_SECTIONS} sections.")
    if not all(_MEDIA_LINE.fullmatch(section.lines[0]) for section in offered.sections):
        raise bad("A media line is `m=kind port protocol formats`.")
    whole = in_one_form(offered)
    refused = refused_sections(whole.sections)
    answered = whole.without(refused)
    sdp = "\r\n".join(answered.lines()) + "\r\n"
    media = _parse(sdp).media
    _check_sections(media)
    kinds = [m.kind for m in media]
    return Offer(
        sdp=sdp,
        is_player="application" in kinds,
        has_audio="audio" in kinds,
        codecs=rtc_hooks.sendable_codecs(media[kinds.index("video")]),
        mids=tuple(m.rtp.muxId for m in media),
        refused={place: whole.sections[place] for place in refused},
        bundle=_answered_bundle(whole, answered),
        ice_ufrag=_ice_ufrag(media[0]),
    )


def _answered_bundle(whole: Description, answered: Description) -> tuple[str, ...]:
    """The mids of the sections that are answered; a tagged section of media is one at any rate."""
    tagged = next((s for s in whole.sections if whole.bundle[:1] == (s.mid,)), None)
    is_media = tagged is not None and "RTP/" in tagged.lines[0] and tagged.port != "0"
    if tagged is None or not is_media or not answered.bundle or tagged.mid in answered.bundle:
        return answered.bundle
    return (tagged.mid, *answered.bundle)


def read_candidates(body: bytes, offer: Offer, rule: CandidateRule) -> list[RTCIceCandidate]:
    """Returns the allowed candidates of a trickle fragment (RFC 8840). Raises Problem 400 for an
    invalid candidate, 422 for an ICE restart."""
    lines = [line.rstrip() for line in _decode(body).splitlines() if line.strip()]
    _check_size(lines)
    _check_fragment(lines)
    refused_mids = {section.mid for section in offer.refused.values()}
    mid, found = offer.mids[0], []
    for line in lines:
        if line.startswith("a=ice-ufrag:") and line[12:].strip() != offer.ice_ufrag:
            raise Problem(422, "no-ice-restart", "ICE cannot be restarted here; send a new offer.")
        if line.startswith("a=mid:"):
            mid = line[6:].strip()
            if mid in refused_mids:
                mid = offer.mids[0]  # the bundle's address, though its first section was refused
            if mid not in offer.mids:
                raise bad("The fragment names a section that the offer does not have.")
        if line.startswith(_CANDIDATE):
            candidate = _candidate(line)
            candidate.sdpMid = mid
            if rule.admits(candidate):
                found.append(candidate)
    return found


def _check_fragment(lines: list[str]) -> None:
    """It has lines of SDP only, and says something about ICE."""
    is_text = all(line[:1].isalpha() and line[1:2] == "=" for line in lines)
    if not is_text or not any(line.startswith(_FRAGMENT_FIELDS) for line in lines):
        raise bad("Send an SDP fragment (RFC 8840): a=ice-ufrag, a=mid, a=candidate lines.")


def bad(detail: str) -> Problem:
    return Problem(400, "bad-sdp", detail)


def _decode(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise bad("The body is not UTF-8 text.") from None


def _check_size(lines: list[str]) -> None:
    if any(len(line) > MAX_LINE_CHARS for line in lines):
        raise bad(f"At most {MAX_LINE_CHARS} characters are taken in a line.")
    for start, limit in _LIMITS.items():
        if sum(line.startswith(start) for line in lines) > limit:
            raise bad(f"At most {limit} lines {start} are taken.")


def _check_feedback(lines: list[str]) -> None:
    """Each feedback is kept once for every codec that it names."""
    codecs = Counter(_format(line, _CODEC) for line in lines if line.startswith(_CODEC))
    named = [_format(line, _FEEDBACK) for line in lines if line.startswith(_FEEDBACK)]
    total = codecs.total()
    if sum(total if name == "*" else codecs[name] for name in named) > MAX_FEEDBACKS:
        raise bad(f"At most {MAX_FEEDBACKS} feedbacks are taken, `*` once for each codec.")


def _format(line: str, start: str) -> str:
    """The payload type that an attribute is about, as aiortc will read it."""
    name = line.removeprefix(start).split(" ", 1)[0]
    try:
        return str(int(name))
    except ValueError:
        return name


def _may_stay(line: str, rule: CandidateRule) -> bool:
    """Without the end mark ICE goes on waiting for the browser's own checks, which come even
    when none of its candidates was fit to be tried."""
    if line.startswith(_CANDIDATE):
        return rule.admits(_candidate(line))
    return not line.startswith((_END, _UNUSED))


def _candidate(line: str) -> RTCIceCandidate:
    try:
        return candidate_from_sdp(line.removeprefix(_CANDIDATE))
    except (ValueError, AssertionError):
        raise bad(f"Not a candidate: {line[:80]!r}") from None


def _parse(sdp: str) -> SessionDescription:
    try:
        return SessionDescription.parse(sdp)
    except Exception as error:  # whatever the parser trips over, the text is at fault
        raise bad("The body is not a session description (SDP).") from error


def _check_sections(media: list[MediaDescription]) -> None:
    kinds = [m.kind for m in media]
    if kinds.count("video") != 1 or len(set(kinds)) != len(kinds):
        raise bad("Offer one video section, and at most one for audio and one for data channels.")
    if len({m.rtp.muxId for m in media} - {""}) != len(media):
        raise bad("Every section needs an `a=mid` of its own.")
    for m in media:
        if not _ice_ufrag(m):
            raise bad("Every section needs `a=ice-ufrag` and `a=ice-pwd`.")
        if m.dtls is None or not m.dtls.fingerprints:
            raise bad("Every section needs `a=setup` and `a=fingerprint`.")
        if m.kind != "application" and not m.rtcp_mux:
            raise bad("Every media section needs `a=rtcp-mux`.")
        if m.kind == "video" and m.direction not in ("recvonly", "sendrecv"):
            raise bad("The video section must be `a=recvonly`.")


def _ice_ufrag(media: MediaDescription) -> str:
    """Empty when the section has no full ICE credentials."""
    ice = media.ice
    return ice.usernameFragment or "" if ice and ice.password else ""
