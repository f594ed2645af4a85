"""The three data channels of a player: `input` in, `notes` out, `control` both ways.

The page opens the channels. Knows no session.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from aiortc import RTCDataChannel

from services.ingest.action_gate import ActionVerdict
from services.ingest.webrtc.abuse import Abuse
from services.ingest.webrtc.token_bucket import TokenBucket
from services.wire.frame import EncodedFrame

MAX_CONTROL_CHARS = 16_384
MAX_CONTROLS_PER_S = 20
MAX_CHANNELS = 8  # opened in all; the page opens three
MAX_UNSENT_BYTES = 1 << 15


class Channels:
    """Owns one player's channels. `last_message_s`: time of the last message on `input` or
    `control`, initially the creation time. Messages that no page sends are reported to `abuse`."""

    def __init__(
        self,
        take_action: Callable[[bytes], ActionVerdict],
        request_reset: Callable[[], None],
        abuse: Abuse,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.last_message_s = clock()
        self._take_action = take_action
        self._request_reset = request_reset
        self._abuse = abuse
        self._clock = clock
        self._open: dict[str, RTCDataChannel] = {}
        self._num_opened = 0
        self._controls = TokenBucket(per_s=MAX_CONTROLS_PER_S, burst=MAX_CONTROLS_PER_S)

    def add(self, channel: RTCDataChannel) -> None:
        """Registers a channel opened by the page; closes a channel with an unknown label."""
        self._num_opened += 1
        if self._num_opened > MAX_CHANNELS:
            self._abuse.report("channels")
        if channel.label in self._open or channel.label not in ("input", "notes", "control"):
            channel.close()
            return
        self._open[channel.label] = channel
        if channel.label == "input":
            channel.on("message", self._receive_action)
        if channel.label == "control":
            channel.on("message", self._receive)

    def send(self, label: str, message: dict[str, Any]) -> bool:
        """Returns False if the channel is closed or full; a late message would be useless."""
        channel = self._open.get(label)
        if channel is None or channel.readyState != "open":
            return False
        if channel.bufferedAmount > MAX_UNSENT_BYTES:
            return False
        channel.send(json.dumps(message, separators=(",", ":")))
        return True

    def _receive_action(self, message: bytes | str) -> None:
        if self._open["input"].readyState != "open":
            return  # closed below; what was on the way is not answered
        self.last_message_s = self._clock()
        action = message if isinstance(message, bytes) else b""
        if self._take_action(action) is ActionVerdict.ABUSE:
            self.send("control", {"type": "refused", "reason": "Too many actions."})
            self._open["input"].close()

    def _receive(self, message: bytes | str) -> None:
        """A page says `heartbeat`, which wants no answer, and `reset`; the rest is ignored."""
        self.last_message_s = self._clock()
        if len(message) > MAX_CONTROL_CHARS or not self._controls.take(self.last_message_s):
            self._abuse.report("control")
        elif _type_of(message) == "reset":
            self._request_reset()


def _type_of(message: bytes | str) -> str:
    """Empty when the message is not one of ours."""
    try:
        match json.loads(message):
            case {"type": str(kind)}:
                return kind
    except (ValueError, RecursionError):
        pass
    return ""


def frame_note(frame: EncodedFrame, *, rtp_timestamp: int, hop_ms: float) -> dict[str, Any]:
    """Returns the `notes` message of one frame. Times in milliseconds."""
    stage_ms = {
        "queue": frame.queue_ms,
        "denoise": frame.denoise_ms,
        "decode": frame.decode_ms,
        "encode": frame.encode_ms,
        "hop": hop_ms,
    }
    return {
        "frame_idx": frame.frame_idx,
        "action_seq": frame.action_seq,
        "rtp_timestamp": rtp_timestamp,
        "stage_ms": {stage: round(ms, 2) for stage, ms in stage_ms.items()},
        "speculative": frame.is_speculative,
        "steps": frame.steps,
        "level": frame.level,
        "fps": round(frame.fps, 2),
    }
