"""The frame link: the TCP protocol between a replica and an ingest process.

Every message is `u32 length (of what follows) | u8 kind | body`, little-endian. Ingest sends HELLO
first. A length above MAX_MESSAGE_BYTES closes the connection on both sides.
"""

import json
import struct
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

from services.wire.codec import VideoCodec

MAX_MESSAGE_BYTES = 1 << 20
_PREFIX = struct.Struct("<IB")
_FRAME = struct.Struct("<IIIBBBBfffffd")
_KEY_FLAG, _VP8_FLAG = 1, 2  # in the byte that was is_key alone


class Kind(IntEnum):
    HELLO = 1  # ingest -> replica, JSON {session_id, epoch, link_key, codec}
    FRAME = 2  # replica -> ingest, EncodedFrame
    # replica -> ingest, JSON {state: paused|moving|ending|level|reset}; goes on to `control`
    STATE = 3
    KEYFRAME = 4  # ingest -> replica, empty: the picture is lost, send a keyframe
    BITRATE = 5  # ingest -> replica, u32 bits per second that the player can receive
    RESET = 6  # ingest -> replica, empty: the player wants the world as the session began


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedFrame:
    """One encoded frame with the values for the player's HUD and for ingest.

    `action_seq`: newest action in the frame. `level`: quality level, 0 is full quality. Stage times
    are in milliseconds; `queue_ms`: from the newest action to the start of the step. `sent_at_ms`:
    wall clock of the replica at sending.
    """

    epoch: int
    frame_idx: int
    action_seq: int
    is_key: bool
    is_speculative: bool
    steps: int
    level: int
    queue_ms: float
    denoise_ms: float
    decode_ms: float
    encode_ms: float
    fps: float  # the rate this session is being given now
    sent_at_ms: float
    payload: bytes  # one frame as `codec` has it
    codec: VideoCodec = VideoCodec.H264

    def to_body(self) -> bytes:
        return (
            _FRAME.pack(
                self.epoch,
                self.frame_idx,
                self.action_seq,
                self.is_key * _KEY_FLAG | (self.codec is VideoCodec.VP8) * _VP8_FLAG,
                self.is_speculative,
                self.steps,
                self.level,
                self.queue_ms,
                self.denoise_ms,
                self.decode_ms,
                self.encode_ms,
                self.fps,
                self.sent_at_ms,
            )
            + self.payload
        )

    @classmethod
    def from_body(cls, body: bytes) -> "EncodedFrame":
        """Raises ValueError if the body is shorter than a frame header."""
        if len(body) < _FRAME.size:
            raise ValueError(f"frame header has {_FRAME.size} bytes, got {len(body)}")
        (epoch, frame_idx, action_seq, flags, is_speculative, steps, level, *times) = (
            _FRAME.unpack_from(body)
        )
        queue_ms, denoise_ms, decode_ms, encode_ms, fps, sent_at_ms = times
        return cls(
            epoch=epoch,
            frame_idx=frame_idx,
            action_seq=action_seq,
            is_key=bool(flags & _KEY_FLAG),
            is_speculative=bool(is_speculative),
            steps=steps,
            level=level,
            queue_ms=queue_ms,
            denoise_ms=denoise_ms,
            decode_ms=decode_ms,
            encode_ms=encode_ms,
            fps=fps,
            sent_at_ms=sent_at_ms,
            payload=body[_FRAME.size :],
            codec=VideoCodec.VP8 if flags & _VP8_FLAG else VideoCodec.H264,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Ingest's first message: session, proof of access, and the codec of the player's browser. A
    hello without a codec means H.264."""

    session_id: str
    epoch: int
    link_key: str
    codec: VideoCodec = VideoCodec.H264

    def to_body(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_body(cls, body: bytes) -> "Hello":
        """Raises ValueError if the body is not a hello."""
        match content := json.loads(body):
            case {"session_id": str(session_id), "epoch": int(epoch), "link_key": str(link_key)}:
                codec = VideoCodec(content.get("codec", VideoCodec.H264))
                return cls(session_id=session_id, epoch=epoch, link_key=link_key, codec=codec)
            case other:
                raise ValueError(f"not a hello: {other!r:.100}")


def pack(kind: Kind, body: bytes = b"") -> bytes:
    """Returns one message as bytes."""
    return _PREFIX.pack(len(body) + 1, kind) + body


def pack_json(kind: Kind, content: dict[str, Any]) -> bytes:
    return pack(kind, json.dumps(content).encode())


PREFIX_BYTES = _PREFIX.size


def read_prefix(prefix: bytes) -> tuple[Kind, int]:
    """Returns (kind, body length) of the next message. Raises ValueError on a bad prefix."""
    length, kind = _PREFIX.unpack(prefix)
    if not 1 <= length <= MAX_MESSAGE_BYTES:
        raise ValueError(f"message of {length} bytes; 1 to {MAX_MESSAGE_BYTES} allowed")
    return Kind(kind), length - 1
