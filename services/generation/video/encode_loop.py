"""The encode loop: the one thread that owns the encoders.

Takes the newest frame of each session and encodes the frame once for all links; a session without
links is skipped. Knows no sockets: encoded frames go to `publish`.
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

_STAGE_BUCKETS_S = [0.001, 0.002, 0.004, 0.008, 0.016, 0.024, 0.032, 0.048, 0.064, 0.1, 0.25, 1.0]
STAGE = meter.create_histogram(
    "nextframe_frame_stage",
    unit="s",
    description="time of a frame in one stage of the replica",
    explicit_bucket_boundaries_advisory=_STAGE_BUCKETS_S,
)
FAILURES = meter.create_counter(
    "nextframe_encode_failures", description="frames that could not be encoded, by codec"
)
MIN_KEYFRAME_GAP_S = 0.3  # at any rate of requests
MAX_FAILURES = 3  # of one encoder, in a row
_SENT_WINDOW_S = 1.0

log = logging.getLogger(__name__)
repeated = RepeatedLog(log)


class EncodingError(RuntimeError):
    """No encoder can encode the frames of a session."""


@dataclass(slots=True)
class _Stream:
    """The encoder of one session. Used by the encode loop's thread only."""

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

    After MAX_FAILURES failures in a row an encoder is replaced by a software encoder. When the
    software encoder fails, too, `on_failure(session_id, error)` is called once, in the loop's
    thread."""

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
        self._streams: dict[str, _Stream] = {}

    def open(self, session_id: str, *, epoch: int, requests: EncoderRequests) -> None:
        rates = choose_bit_rates(self._video.width, self._video.height, self._video.fps)
        self._streams[session_id] = _Stream(epoch, requests, BitRateSelector(rates))

    def close(self, session_id: str) -> None:
        self._streams.pop(session_id, None)

    def run(self) -> None:
        while (taken := self._inbox.take()) is not None:
            session_id, generated = taken
            stream = self._streams.get(session_id)
            if stream is None or stream.requests.num_links == 0 or stream.is_given_up:
                continue
            try:
                encoded = self._encode(stream, generated)
            except Exception as error:  # an error of one session must not stop the others
                self._note_failure(session_id, stream, error)
            else:
                stream.num_failures = 0
                self._publish(session_id, encoded)

    def _note_failure(self, session_id: str, stream: _Stream, error: Exception) -> None:
        video = self._format(stream)
        FAILURES.add(1, {"codec": video.codec})
        cause = f"{video.codec}: {error!r:.200}"
        repeated.warning("encoding failed", cause=cause, with_traceback=True)
        stream.encoder = None
        stream.num_failures += 1
        if stream.num_failures < MAX_FAILURES:
            return
        stream.num_failures = 0
        if video != video.in_software:
            stream.needs_software = True
            return
        stream.is_given_up = True
        self._on_failure(session_id, EncodingError(f"no encoder works: {cause}"))

    def _format(self, stream: _Stream) -> VideoFormat:
        video = self._video.with_codec(stream.requests.codec)
        return video.in_software if stream.needs_software else video

    def _encode(self, stream: _Stream, generated: GeneratedFrame) -> EncodedFrame:
        started = time.monotonic()
        self._follow_rate(stream, started)
        video = self._format(stream)
        if stream.encoder is None or stream.encoder.video != video:
            stream.encoder = VideoEncoder(video, stream.rate.bit_rate)
        force_key = (
            stream.requests.wants_keyframe and started - stream.key_at_s >= MIN_KEYFRAME_GAP_S
        )
        payload, is_key = stream.encoder.encode_image(generated.frame.image, force_key=force_key)
        if is_key:
            stream.requests.note_keyframe()
            stream.key_at_s = started
        _count_sent(stream, 8 * len(payload), started)
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
            epoch=stream.epoch,
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
            codec=stream.encoder.video.kind,
        )

    def _follow_rate(self, stream: _Stream, now: float) -> None:
        receivable_bps = stream.requests.take_bit_rate()
        if receivable_bps is None or stream.encoder is None:
            return
        if stream.rate.report(receivable_bps, stream.sent_bps, now):
            stream.encoder = None


def _count_sent(stream: _Stream, bits: int, now: float) -> None:
    """Updates the smoothed sent bit rate, over about the last second."""
    gap_s = max(now - stream.sent_at_s, 1e-3)
    share = min(1.0, gap_s / _SENT_WINDOW_S)
    stream.sent_bps += share * (bits / gap_s - stream.sent_bps)
    stream.sent_at_s = now
