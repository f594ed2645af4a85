"""Records one player's events; `figures.py` evaluates the log.

All times are seconds of `time.monotonic` on this machine.
"""

import json
from dataclasses import dataclass

NOTE_STAGES = ("queue", "denoise", "decode", "encode", "hop")
_DRAWN_AHEAD = ("denoise", "decode")
MAX_NOTE_BYTES = 4096
MAX_ERRORS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameNote:
    """The service's note on one frame; `stage_ms` in the order of NOTE_STAGES."""

    rtp_timestamp: int
    action_seq: int
    stage_ms: tuple[float, ...]
    steps: int
    level: int
    is_speculative: bool

    @classmethod
    def from_json(cls, message: str) -> "FrameNote":
        """Raises ValueError if the message is not a note."""
        if len(message) > MAX_NOTE_BYTES:
            raise ValueError(f"a note has at most {MAX_NOTE_BYTES} bytes, got {len(message)}")
        try:
            content = json.loads(message)
            return cls(
                rtp_timestamp=int(content["rtp_timestamp"]),
                action_seq=int(content["action_seq"]),
                stage_ms=tuple(float(content["stage_ms"][stage]) for stage in NOTE_STAGES),
                steps=int(content["steps"]),
                level=int(content["level"]),
                is_speculative=bool(content["speculative"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a frame note: {message:.100}") from error

    @property
    def waited_ms(self) -> tuple[float, ...]:
        """Returns the part of `stage_ms` after the action's arrival: a drafted frame was denoised
        and decoded before the action."""
        if not self.is_speculative:
            return self.stage_ms
        named = zip(NOTE_STAGES, self.stage_ms, strict=True)
        return tuple(0.0 if stage in _DRAWN_AHEAD else ms for stage, ms in named)


@dataclass(slots=True, kw_only=True)
class Arrival:
    """Packets of one frame: arrival time of the newest packet, and bytes in total."""

    at: float
    num_bytes: int


class PlayerLog:
    """Owns all records of one player."""

    def __init__(self, *, player: int, is_full: bool) -> None:
        self.player = player
        self.is_full = is_full
        self.joined_at: float | None = None  # just before the session was asked for
        self.place: int | None = None  # in line, when the session was made
        self.status = "unknown"  # of the session, as ingest last said
        self.connected_at: float | None = None
        self.left_at: float | None = None
        self.sent_at: dict[int, float] = {}  # action seq -> time
        self.arrivals: dict[int, Arrival] = {}  # RTP timestamp -> frame
        self.notes: dict[int, FrameNote] = {}  # RTP timestamp -> note
        self.num_decoded = 0
        self.picture: tuple[int, int] | None = None  # width, height of the last decoded frame
        self.num_packets_lost = 0
        self.errors: list[str] = []

    def on_packet(self, rtp_timestamp: int, num_bytes: int, at: float) -> None:
        arrival = self.arrivals.setdefault(rtp_timestamp, Arrival(at=at, num_bytes=0))
        arrival.at = at
        arrival.num_bytes += num_bytes

    def on_note(self, message: str) -> None:
        try:
            note = FrameNote.from_json(message)
        except ValueError as error:
            self.fail(str(error))
        else:
            self.notes[note.rtp_timestamp] = note

    def on_picture(self, width: int, height: int) -> None:
        self.num_decoded += 1
        self.picture = (width, height)

    def fail(self, error: str) -> None:
        """Keeps the first few errors and drops later errors."""
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(error)
