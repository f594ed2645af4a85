"""The SDP answer as the offer wants it: aiortc's own, and what aiortc was not shown."""

from services.ingest.webrtc.offer import Offer
from services.ingest.webrtc.sdp_forms import Description, Section


def finish_answer(sdp: str, offer: Offer) -> str:
    """`sdp` with a section for each that was refused (RFC 3264: port 0, at its place), and with a
    BUNDLE group only where the offer has one. No `rtcp-mux-only`: RFC 8858 forbids it in answers,
    whatever drafts of WHEP say."""
    ours = Description.of(sdp.splitlines())
    sections = list(ours.sections)
    for place in sorted(offer.refused):
        sections.insert(place, _refusal(offer.refused[place]))
    session = [line for line in ours.session if not line.startswith("a=group:")]
    if offer.bundle:
        session.append(f"a=group:BUNDLE {' '.join(offer.bundle)}")
    whole = Description(tuple(session), tuple(sections))
    return "\r\n".join(whole.lines()) + "\r\n"


def _refusal(section: Section) -> Section:
    kind, _, *rest = section.lines[0].split(" ")
    lines = [" ".join([kind, "0", *rest]), "c=IN IP4 0.0.0.0", "a=inactive"]
    return Section((*lines, f"a=mid:{section.mid}") if section.mid else tuple(lines))
