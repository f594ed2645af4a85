"""Bytes that cross a process boundary: actions, messages of the frame link, notes, records."""

import json
from dataclasses import MISSING, fields
from typing import Any

from services.ingest.webrtc.channels import frame_note
from services.wire.action import Action
from services.wire.codec import VideoCodec
from services.wire.frame import EncodedFrame, Hello, Kind, pack, pack_json
from services.wire.release import Release
from services.wire.session import NEXT_STATUSES, SessionRecord
from services.wire.world import WorldKey, WorldOffer, WorldStart
from tests.unchanged.comparison import Recording

ACTION = Action(held=0b101, pressed=0b100, x_total=-7, y_total=2**31 - 1, seq=9, sent_at_ms=1.5)
FRAME = EncodedFrame(
    epoch=3, frame_idx=41, action_seq=9, is_key=True, is_speculative=True, steps=2, level=1,
    queue_ms=1.0, denoise_ms=2.0, decode_ms=3.0, encode_ms=4.0, fps=17.5, sent_at_ms=1e12,
    payload=b"payload", codec=VideoCodec.VP8,
)  # fmt: skip
HELLO = Hello(session_id="s1", epoch=3, link_key="key", codec=VideoCodec.VP8)
OFFER = WorldOffer(
    name="toy", version="1", width=32, height=16, fps=20.0, buttons=("forward", "act"),
    degrees_per_count=0.1, starts=(WorldStart(index=0, name="room", image="data:,"),),
    digest="d1", title="Toy", preview="data:,",
    keys=(WorldKey(button="act", label="Act", code="E"),),
)  # fmt: skip
RELEASE = Release(world="toy", current="d1", previous="d0", canary="d2", canary_share=0.25)


def record() -> Recording:
    return {
        "action": ACTION.to_bytes().hex(),
        "hello": HELLO.to_body().hex(),
        "frame": FRAME.to_body().hex(),
        "note": frame_note(FRAME, rtp_timestamp=90_000, hop_ms=0.5),
        "offer": json.loads(OFFER.to_json()),
        "release": json.loads(RELEASE.to_json()),
        "session record": {field.name: _text(field.default) for field in fields(SessionRecord)},
        "session statuses": {
            status.value: sorted(later.value for later in after)
            for status, after in NEXT_STATUSES.items()
        },
    } | _messages()


def _messages() -> dict[str, Any]:
    content = {"state": "level"}
    return {
        f"message {kind.name}": [pack(kind, b"body").hex(), pack_json(kind, content).hex()]
        for kind in Kind
    }


def _text(default: object) -> str:
    if default is MISSING:
        return "must be given"
    return default.hex() if isinstance(default, bytes) else str(default)
