"""The encode loop: the one thread that owns the encoders.

Takes each session's newest frame, encodes it once for all its links, and nothing for a session
that nobody watches. Knows no sockets: what it makes goes to `publish`.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from services.generation.frames.ports import GeneratedFrame
from services.generation.video.bitrate import BitRateSelector, choose_bit_rates
from services.generation.video.encoder import VideoEncoder, VideoFormat
from services.generation.video.encoder_requests import EncoderRequests
from services.generation.video.mailbox import Mailbox
from services.repeated_log import RepeatedLog
from services.telemetry import meter
from services.wire.frame import EncodedFrame

STAGE = meter.create_histogram(
    "nextframe_frame_stage",
    unit="s",
    description="time of a frame in one stage of the replica",
    explicit_bucket_boundaries_advisory=[
        0.001, 0.002, 0.004, 0.008, 0.016, 0.024, 0.032, 0.048, 0.064, 0.1, 0.25, 1.0,
    ],
)  # fmt: skip
FAILURES = meter.create_counter(
    "nextframe_encode_failures", description="pictures that could not be encoded, by codec"
)
MIN_KEYFRAME_GAP_S = 0.3  # however often links ask
MAX_FAILURES = 3  # of one encoder, in a row
_SENT_WINDOW_S = 1.0

log = logging.getLogger(__name__)
repeated = RepeatedLog(log)


class EncodingError(RuntimeError):
    """No encoder makes a stream of this session's pictures."""


@dataclass(slots=True)
class _Picture:
    """What the loop holds of one session. Touched by its thread only."""

    epoch: int
    requests: EncoderRequests
    rate: BitRateSelector
    encoder: VideoEncoder | None = None
    num_failures: int = 0  # in a row
    needs_software: bool = False  # the device's encoder has failed
    is_given_up: bool = False
    key_at_s: float = 0.0
    sent_bps: float = 0.0
    sent_at_s: float = field(default_factory=time.monotonic)


class EncodeLoop:
    """Runs until its mailbox is closed. `open` and `close` may be called from any thread.

    An encoder that fails MAX_FAILURES times in a row gives way to one in software; when that fails,
    too, or there is none, `on_failure(session_id, error)` is called once, in the loop's thread."""

    def __init__(
        self,
        inbox: Mailbox[GeneratedFrame],
        video: VideoFormat,
        publish: Callable[[str, EncodedFrame], None],
        on_failure: Callable[[str, Exception], None],
    ) -> None:
        self._inbox = inbox
        self._video = video
        self._publish = publish
        self._on_failure = on_failure
        self._pictures: dict[str, _Picture] = {}

    def open(self, session_id: str, *, epoch: int, requests: EncoderRequests) -> None:
        rates = choose_bit_rates(self._video.width, self._video.height, self._video.fps)
        self._pictures[session_id] = _Picture(epoch, requests, BitRateSelector(rates))

    def close(self, session_id: str) -> None:
        self._pictures.pop(session_id, None)

    def run(self) -> None:
        while (taken := self._inbox.take()) is not None:
            session_id, generated = taken
            picture = self._pictures.get(session_id)
            if picture is None or picture.requests.num_links == 0 or picture.is_given_up:
                continue
            try:
                encoded = self._encode(picture, generated)
            except Exception as error:  # one session's picture must not stop everybody's
                self._note_failure(session_id, picture, error)
            else:
                picture.num_failures = 0
                self._publish(session_id, encoded)

    def _note_failure(self, session_id: str, picture: _Picture, error: Exception) -> None:
        video = self._format(picture)
        FAILURES.add(1, {"codec": video.codec})
        cause = f"{video.codec}: {error!r:.200}"
        repeated.warning("encoding failed", cause=cause, with_traceback=True)
        picture.encoder = None
        picture.num_failures += 1
        if picture.num_failures < MAX_FAILURES:
            return
        picture.num_failures = 0
        if video != video.in_software:
            picture.needs_software = True
            return
        picture.is_given_up = True
        self._on_failure(session_id, EncodingError(f"no encoder works: {cause}"))

    def _format(self, picture: _Picture) -> VideoFormat:
        video = self._video.with_codec(picture.requests.codec)
        return video.in_software if picture.needs_software else video

    def _encode(self, picture: _Picture, generated: GeneratedFrame) -> EncodedFrame:
        started = time.monotonic()
        self._follow_rate(picture, started)
        video = self._format(picture)
        if picture.encoder is None or picture.encoder.video != video:
            picture.encoder = VideoEncoder(video, picture.rate.bit_rate)
        force_key = (
            picture.requests.wants_keyframe and started - picture.key_at_s >= MIN_KEYFRAME_GAP_S
        )
        payload, is_key = picture.encoder.encode_picture(
            generated.frame.picture, force_key=force_key
        )
        if is_key:
            picture.requests.note_keyframe()
            picture.key_at_s = started
        _count_sent(picture, 8 * len(payload), started)
        encode_s = time.monotonic() - started
        frame = generated.frame
        for stage, seconds in (
            ("queue", generated.queue_s),
            ("denoise", frame.denoise_s),
            ("decode", frame.decode_s),
            ("encode", encode_s),
        ):
            STAGE.record(seconds, {"stage": stage})
        return EncodedFrame(
            epoch=picture.epoch,
            frame_idx=frame.frame_idx,
            action_seq=generated.action_seq,
            is_key=is_key,
            is_speculative=frame.is_speculative,
            steps=frame.num_steps,
            level=generated.level,
            queue_ms=1000 * generated.queue_s,
            denoise_ms=1000 * frame.denoise_s,
            decode_ms=1000 * frame.decode_s,
            encode_ms=1000 * encode_s,
            fps=generated.fps,
            sent_at_ms=1000 * time.time(),
            payload=payload,
            codec=picture.encoder.video.kind,
        )

    def _follow_rate(self, picture: _Picture, now: float) -> None:
        receivable_bps = picture.requests.take_bit_rate()
        if receivable_bps is None or picture.encoder is None:
            return
        if picture.rate.report(receivable_bps, picture.sent_bps, now):
            picture.encoder = None


def _count_sent(picture: _Picture, bits: int, now: float) -> None:
    """Keeps the bit rate of about the last second."""
    gap_s = max(now - picture.sent_at_s, 1e-3)
    share = min(1.0, gap_s / _SENT_WINDOW_S)
    picture.sent_bps += share * (bits / gap_s - picture.sent_bps)
    picture.sent_at_s = now
