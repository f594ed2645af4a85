"""Completes aiortc's SDP answer with the sections hidden from aiortc."""

from services.ingest.webrtc.offer import Offer
from services.ingest.webrtc.sdp_forms import Description, Section

_TRANSPORT = ("c=", "a=candidate:", "a=end-of-candidates", "a=ice-", "a=fingerprint:", "a=setup:")


def finish_answer(sdp: str, offer: Offer) -> str:
    """Adds every refused section to `sdp`, and a BUNDLE group only if the offer has a group.

    A refused section has port 0 (RFC 3264). The section with the bundle's tag is inactive instead,
    because Chromium rejects port 0 there. No `rtcp-mux-only`: RFC 8858 forbids the attribute in
    answers.
    """
    ours = Description.of(sdp.splitlines())
    sections = list(ours.sections)
    bundled = next((s for s in sections if s.mid in offer.bundle), None)
    for place in sorted(offer.refused):
        section = offer.refused[place]
        is_tagged = offer.bundle[:1] == (section.mid,)
        answered = _inactive(section, bundled) if bundled and is_tagged else _refusal(section)
        sections.insert(place, answered)
    session = [line for line in ours.session if not line.startswith("a=group:")]
    if offer.bundle:
        session.append(f"a=group:BUNDLE {' '.join(offer.bundle)}")
    whole = Description(tuple(session), tuple(sections))
    return "\r\n".join(whole.lines()) + "\r\n"


def _refusal(section: Section) -> Section:
    kind, _, *rest = section.lines[0].split(" ")
    lines = [" ".join([kind, "0", *rest]), "c=IN IP4 0.0.0.0", "a=inactive"]
    return Section((*lines, f"a=mid:{section.mid}") if section.mid else tuple(lines))


def _inactive(section: Section, bundled: Section) -> Section:
    """Accepted with its first format, which never comes, at the address of `bundled`."""
    kind, _, protocol, fmt, *_ = section.lines[0].split(" ")
    names = [line for line in section.lines if line.startswith(f"a=rtpmap:{fmt} ")]
    return Section(
        (
            f"{kind} {bundled.port} {protocol} {fmt}",
            "a=inactive",
            f"a=mid:{section.mid}",
            "a=rtcp-mux",
            *names,
            *(line for line in bundled.lines if line.startswith(_TRANSPORT)),
        )
    )
