"""Rewrites a valid offer to the form that aiortc accepts, without a change of meaning.

Works on text only: no addresses, no limits, no codec decisions. `answer.py` adds the removed
sections as refused sections.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_TRANSPORT = ("a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:")
_KNOWN_AUDIO = ("opus/48000", "g722/8000", "pcmu/8000", "pcma/8000")  # to aiortc
_READ_PARAMETERS = ("apt", "packetization-mode", "profile-level-id", "level-asymmetry-allowed")
_BUNDLE = "a=group:BUNDLE"


@dataclass(frozen=True, slots=True)
class Section:
    """A media section as lines, `m=` first."""

    lines: tuple[str, ...]

    @property
    def kind(self) -> str:
        return self.lines[0][2:].split(" ")[0]

    @property
    def port(self) -> str:
        return (*self.lines[0].split(" "), "")[1]

    @property
    def mid(self) -> str:
        return self.value("a=mid:")

    def value(self, start: str) -> str:
        """Returns the rest of the first line with this start; empty without a match."""
        return next(
            (line[len(start) :].strip() for line in self.lines if line.startswith(start)), ""
        )

    def has(self, line: str) -> bool:
        return line in self.lines

    @property
    def direction(self) -> str:
        return next((line[2:] for line in self.lines if line[2:] in _DIRECTIONS), "")


@dataclass(frozen=True, slots=True)
class Description:
    """A parsed offer. `bundle`: mids of the first BUNDLE group, the tagged mid first."""

    session: tuple[str, ...]
    sections: tuple[Section, ...]

    @classmethod
    def of(cls, lines: Sequence[str]) -> "Description":
        starts = [i for i, line in enumerate(lines) if line.startswith("m=")]
        return cls(
            session=tuple(lines[: starts[0]] if starts else lines),
            sections=tuple(
                Section(tuple(lines[start:end])) for start, end in pairwise([*starts, len(lines)])
            ),
        )

    @property
    def bundle(self) -> tuple[str, ...]:
        groups = [line for line in self.session if line.startswith(_BUNDLE)]
        return tuple(groups[0].split()[1:]) if groups else ()

    def without(self, refused: Sequence[int]) -> "Description":
        """Removes the refused sections, also from the BUNDLE group."""
        kept = tuple(s for i, s in enumerate(self.sections) if i not in refused)
        mids = [mid for mid in self.bundle if mid in {section.mid for section in kept}]
        session = [line for line in self.session if not line.startswith(_BUNDLE)]
        if mids:
            session.append(f"{_BUNDLE} {' '.join(mids)}")
        return Description(tuple(session), kept)

    def lines(self) -> Iterator[str]:
        yield from self.session
        for section in self.sections:
            yield from section.lines


def in_one_form(description: Description) -> Description:
    """Gives every section a direction, the transport of the bundle, and formats readable by
    aiortc."""
    everywhere = next((line[2:] for line in description.session if line[2:] in _DIRECTIONS), "")
    tagged = _tagged(description)
    sections = []
    for section in description.sections:
        lines = list(section.lines)
        if not section.direction:
            lines.append(f"a={everywhere or 'sendrecv'}")
        if tagged is not None and section.mid in description.bundle:
            lines += _borrowed(section, tagged)
        if section.kind == "application":
            lines += _data_channel_defaults(section)
        sections.append(Section(tuple(_formats(lines))))
    return replace(description, sections=tuple(sections))


def refused_sections(sections: Sequence[Section]) -> tuple[int, ...]:
    """Returns the indices of sections to answer with port 0: unused sections (RFC 3264: port 0 and
    not bundle-only), unsupported kinds or codecs, and inactive sections beside another section of
    the same kind."""
    used = [i for i, section in enumerate(sections) if _is_used(section)]
    kept = set(used)
    for kind in ("audio", "video"):
        same = [i for i in used if sections[i].kind == kind]
        active = [i for i in same if sections[i].direction != "inactive"]
        kept -= set(same) - set(active or same[:1])
    return tuple(i for i in range(len(sections)) if i not in kept)


def _is_used(section: Section) -> bool:
    if section.port == "0" and not section.has("a=bundle-only"):
        return False
    if section.kind == "audio":  # no sound is sent, but browsers keep a bundle that begins with it
        names = (name.lower() for _, name in _rtpmaps(section.lines))
        return any(name.startswith(_KNOWN_AUDIO) for name in names)
    if section.kind == "application":
        return "DTLS/SCTP" in section.lines[0]
    return section.kind == "video"


def _tagged(description: Description) -> Section | None:
    """The section whose address the whole bundle has (RFC 9143)."""
    first = description.bundle[:1]
    return next((s for s in description.sections if (s.mid,) == first and s.mid), None)


def _borrowed(section: Section, tagged: Section) -> list[str]:
    """ICE and DTLS lines of the tagged section, for one that leaves them out (JSEP 5.2.1)."""
    missing = tuple(start for start in _TRANSPORT if not section.value(start))
    return [line for line in tagged.lines if line.startswith(missing)] if missing else []


def _data_channel_defaults(section: Section) -> list[str]:
    """RFC 8841: messages of 64 KiB where nothing is said."""
    is_said = section.value("a=max-message-size:") or "DTLS/SCTP " not in section.lines[0]
    return [] if is_said else ["a=max-message-size:65536"]


def _formats(lines: list[str]) -> Iterator[str]:
    """`fmtp` without blanks, of payload types that have an `rtpmap`; H.264 with a packetization
    mode: 1 where no format of the section says so and this one says nothing. RFC 6184 would make
    that 0, but who leaves it out (GStreamer) takes mode 1, and so do other servers send."""
    names = dict(_rtpmaps(lines))
    parameters = {pt: pairs for pt, pairs in _fmtps(lines) if pt in names}
    h264 = [pt for pt, name in names.items() if name.lower().startswith("h264/")]
    modes = [parameters.get(pt, {}).get("packetization-mode") for pt in h264]
    for pt, mode in zip(h264, modes, strict=True):
        if mode is None and "1" not in modes:
            parameters.setdefault(pt, {})["packetization-mode"] = "1"
    for line in lines:
        if line.startswith("a=extmap:"):
            yield " ".join(line.split()[:2])  # without an extension's own attributes
        elif not line.startswith("a=fmtp:"):
            yield line
    for pt, pairs in parameters.items():
        if pairs:
            yield f"a=fmtp:{pt} " + ";".join(f"{name}={value}" for name, value in pairs.items())


def _rtpmaps(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if line.startswith("a=rtpmap:"):
            pt, _, name = line.removeprefix("a=rtpmap:").partition(" ")
            yield pt, name.strip()


def _fmtps(lines: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Payload types and those of their parameters that are read here, names in lower case."""
    for line in lines:
        if line.startswith("a=fmtp:"):
            pt, _, text = line.removeprefix("a=fmtp:").partition(" ")
            pairs = (part.partition("=") for part in text.split(";"))
            found = {name.strip().lower(): value.strip() for name, _, value in pairs}
            yield pt, {name: found[name] for name in _READ_PARAMETERS if found.get(name)}
