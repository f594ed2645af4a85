"""Encoder and encode loop; the results are decoded by FFmpeg's decoder, as in a browser."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import ClassVar

import av
import numpy as np
import pytest
import torch
from av.error import FFmpegError

from model.engine.image import FrameImage, Pixels, ReadyImage
from model.engine.types import Frame
from model.fast.images.colour import yuv420
from services.generation.frames.ports import GeneratedFrame
from services.generation.video import encode_loop, encoder
from services.generation.video.encode_loop import EncodeLoop, EncodingError
from services.generation.video.encoder import VideoEncoder, VideoFormat, encode_jpeg, find_codec
from services.generation.video.encoder_requests import EncoderRequests
from services.generation.video.mailbox import Mailbox
from services.repeated_log import RepeatedLog
from services.wire.frame import EncodedFrame

VIDEO = VideoFormat(codec="libx264", width=512, height=320, fps=17.5)
SPS, PPS, IDR = 7, 8, 5


def picture(shift: int = 0) -> Pixels:
    """A smooth 128x80 scene, turned by `shift` pixels."""
    x = np.arange(128)[None, :, None] + shift
    y = np.arange(80)[:, None, None]
    waves = np.sin(x / np.array([9, 13, 21])) * np.cos(y / np.array([11, 7, 17]))
    pixels: Pixels = (127.5 + 100 * waves).astype(np.uint8)
    return pixels


def nal_types(unit: bytes) -> list[int]:
    """Kinds of the NAL units of an Annex B access unit."""
    starts = [i for i in range(len(unit) - 3) if unit[i : i + 3] == b"\x00\x00\x01"]
    return [unit[i + 3] & 31 for i in starts]


def decode(units: list[bytes]) -> list[Pixels]:
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    frames = [frame for unit in units for frame in decoder.decode(av.Packet(unit))]
    frames += decoder.decode(None)
    return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in frames]


def test_every_keyframe_carries_what_a_newcomer_needs() -> None:
    encoder = VideoEncoder(VIDEO, 1_000_000)
    units = [encoder.encode(picture(i), force_key=i == 10) for i in range(12)]
    assert [i for i, (_, is_key) in enumerate(units) if is_key] == [0, 10]
    for unit, is_key in units:
        assert ({SPS, PPS, IDR} <= set(nal_types(unit))) == is_key
    assert len(decode([unit for unit, _ in units[10:]])) == 2


def test_the_stream_is_constrained_baseline_level_3_1() -> None:
    unit, _ = VideoEncoder(VIDEO, 1_000_000).encode(picture())
    profile, constraints, level = unit[unit.index(b"\x67") + 1 :][:3]
    assert (profile, constraints & 0xC0, level) == (66, 0xC0, 31)


def test_one_picture_in_is_one_access_unit_out_and_looks_like_it() -> None:
    encoder = VideoEncoder(VIDEO, 1_000_000)
    units = [encoder.encode(picture(i))[0] for i in range(6)]
    decoded = decode(units)
    assert len(decoded) == 6
    small = decoded[5].reshape(80, 4, 128, 4, 3).mean(axis=(1, 3))
    assert np.abs(small - picture(5)).mean() < 4


def test_a_keyframe_comes_by_itself_every_eight_seconds() -> None:
    encoder = VideoEncoder(VIDEO, 1_000_000)
    keys = [i for i in range(300) if encoder.encode(picture(i))[1]]
    assert keys == [0, 140, 280]


def test_the_bit_rate_is_kept() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 128, 3), dtype=np.uint8)
    encoder = VideoEncoder(VIDEO, 600_000)
    num_bytes = sum(len(encoder.encode(pixels)[0]) for pixels in noise)
    assert 8 * num_bytes / (60 / VIDEO.fps) == pytest.approx(600_000, rel=0.4)


def test_an_encoder_is_found_by_using_it() -> None:
    assert find_codec("auto") in ("h264_nvenc", "libx264")
    assert find_codec("x264") == "libx264"


def test_a_jpeg_is_a_jpeg() -> None:
    jpeg = encode_jpeg(picture(), width=256, height=160)
    assert jpeg[:2] == b"\xff\xd8" and jpeg[-2:] == b"\xff\xd9"
    assert 2_000 < len(jpeg) < 20_000


class MadeOnTheDevice:
    """An image with colours prepared for the encoder."""

    def __init__(self, pixels: Pixels) -> None:
        self._pixels = pixels

    def rgb(self) -> Pixels:
        return self._pixels

    def yuv420(self) -> Pixels:
        made: Pixels = yuv420(torch.from_numpy(self._pixels)[None])[0].numpy()
        return made


def test_colours_made_on_the_device_look_as_the_encoders_own() -> None:
    small = VideoFormat(codec="libx264", width=128, height=80, fps=17.5)
    theirs, ours = (VideoEncoder(small, 2_000_000) for _ in range(2))
    shown = decode([theirs.encode_image(ReadyImage(picture(i)))[0] for i in range(4)])
    made = decode([ours.encode_image(MadeOnTheDevice(picture(i)))[0] for i in range(4)])
    assert len(made) == len(shown) > 0
    for one, other in zip(made, shown, strict=True):
        assert np.abs(one.astype(int) - other).mean() < 1.5


def test_colours_of_another_size_are_left_for_pixels() -> None:
    """A frame that is shown larger than it is drawn."""
    units = [
        VideoEncoder(VIDEO, 1_000_000).encode_image(one)[0]
        for one in (ReadyImage(picture()), MadeOnTheDevice(picture()))
    ]
    assert units[0] == units[1]


class EncoderBench:
    """A running encode loop; `published` are its frames."""

    def __init__(self, video: VideoFormat = VIDEO) -> None:
        self.mailbox: Mailbox[GeneratedFrame] = Mailbox()
        self.published: list[tuple[str, EncodedFrame]] = []
        self._arrived = threading.Condition()
        self.failures: list[tuple[str, Exception]] = []
        self.loop = EncodeLoop(self.mailbox, video, self._publish, self._fail)
        self._thread = threading.Thread(target=self.loop.run)
        self._thread.start()

    def watch(self, session_id: str, *, epoch: int = 1, num_links: int = 1) -> EncoderRequests:
        requests = EncoderRequests()
        requests.num_links = num_links
        self.loop.open(session_id, epoch=epoch, requests=requests)
        return requests

    def put(self, session_id: str, frame_idx: int, pixels: Pixels | None = None) -> None:
        frame = Frame(
            session_id=session_id,
            frame_idx=frame_idx,
            image=ReadyImage(picture(frame_idx) if pixels is None else pixels),
            num_steps=2,
            denoise_s=0.02,
            decode_s=0.004,
        )
        generated = GeneratedFrame(frame=frame, action_seq=9, queue_s=0.011, level=1, fps=17.5)
        self.mailbox.put(session_id, generated)

    def wait(self, count: int) -> list[tuple[str, EncodedFrame]]:
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.published) >= count, 5)
        return self.published

    def encode(self, session_id: str, frame_idx: int) -> EncodedFrame:
        expected = len(self.published) + 1
        self.put(session_id, frame_idx)
        return self.wait(expected)[-1][1]

    def put_frames(self, session_id: str, until: Callable[[], bool]) -> int:
        """Puts frames one after the other until the condition holds; returns the number of
        frames."""
        for number in range(1, 60):
            self.put(session_id, number)
            time.sleep(0.02)
            if until():
                return number
        raise AssertionError("it is never so")

    def stop(self) -> None:
        self.mailbox.close()
        self._thread.join(5)
        assert not self._thread.is_alive()

    def _fail(self, session_id: str, error: Exception) -> None:
        self.failures.append((session_id, error))

    def _publish(self, session_id: str, frame: EncodedFrame) -> None:
        with self._arrived:
            self.published.append((session_id, frame))
            self._arrived.notify_all()


@pytest.fixture
def bench() -> Iterator[EncoderBench]:
    bench = EncoderBench()
    yield bench
    bench.stop()


def test_a_frame_says_what_the_player_must_know(bench: EncoderBench) -> None:
    bench.watch("a", epoch=3)
    frame = bench.encode("a", 17)
    assert (frame.epoch, frame.frame_idx, frame.action_seq) == (3, 17, 9)
    assert (frame.steps, frame.level, frame.fps) == (2, 1, 17.5)
    assert frame.is_key
    assert frame.queue_ms == pytest.approx(11)
    assert frame.denoise_ms == pytest.approx(20) and frame.decode_ms == pytest.approx(4)
    assert frame.encode_ms > 0


def test_nothing_is_encoded_that_nobody_watches(bench: EncoderBench) -> None:
    bench.watch("hidden", num_links=0)
    bench.watch("seen")
    bench.put("hidden", 1)
    bench.put("unknown", 1)
    bench.encode("seen", 1)
    assert [session_id for session_id, _ in bench.published] == ["seen"]


def test_a_keyframe_comes_when_asked_for(
    bench: EncoderBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.generation.video.encode_loop.MIN_KEYFRAME_GAP_S", 0.0)
    requests = bench.watch("a")
    bench.encode("a", 1)
    requests.request_keyframe()
    assert [bench.encode("a", idx).is_key for idx in (2, 3)] == [True, False]


def test_a_storm_of_requests_is_one_keyframe(bench: EncoderBench) -> None:
    requests = bench.watch("a")
    assert bench.encode("a", 1).is_key
    requests.request_keyframe()
    keys = [bench.encode("a", idx).is_key for idx in range(2, 5)]
    assert not any(keys)  # all within the gap after the first keyframe; the request stands
    assert requests.wants_keyframe


def test_low_reports_make_a_smaller_stream_that_begins_with_a_keyframe(bench: EncoderBench) -> None:
    requests = bench.watch("a")
    noise = np.random.default_rng(0).integers(0, 256, (12, 80, 128, 3), dtype=np.uint8)
    for idx, pixels in enumerate(noise):
        if idx in (8, 9):
            requests.report_bit_rate(1_000)
        bench.put("a", idx, pixels)
        bench.wait(idx + 1)
    keys = [frame.frame_idx for _, frame in bench.published if frame.is_key]
    assert keys == [0, 9]
    sizes = [len(frame.payload) for _, frame in bench.published]
    assert sizes[11] < sizes[7]


def test_a_picture_that_cannot_be_encoded_stops_nobody(bench: EncoderBench) -> None:
    bench.watch("bad")
    bench.watch("good")
    bench.put("bad", 1, np.zeros((0, 0, 3), np.uint8))
    bench.encode("good", 1)
    assert bench.encode("bad", 2).is_key


class BreakingEncoder(VideoEncoder):
    """Encoders of the codecs in `broken` are made, and then make nothing."""

    broken: ClassVar[set[str]] = set()
    tries: ClassVar[list[str]] = []

    def encode_image(self, picture: FrameImage, *, force_key: bool = False) -> tuple[bytes, bool]:
        self.tries.append(self.video.codec)
        if self.video.codec in self.broken:
            raise FFmpegError(1, "the device is lost")
        return super().encode_image(picture, force_key=force_key)


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> type[BreakingEncoder]:
    monkeypatch.setattr(encode_loop, "VideoEncoder", BreakingEncoder)
    monkeypatch.setattr(BreakingEncoder, "tries", [])
    return BreakingEncoder


def test_an_encoder_that_fails_three_times_gives_way_to_one_in_software(
    breaking: type[BreakingEncoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """cases/security.md M7: a session was live without a picture, with 30 tracebacks a second."""
    hardware = replace(VIDEO, codec="mpeg4")  # stands for NVENC, which no machine of the tests has
    monkeypatch.setattr(breaking, "broken", {"mpeg4"})
    options = encoder._options
    monkeypatch.setattr(
        encoder, "_options", lambda codec, rate: {} if codec == "mpeg4" else options(codec, rate)
    )
    bench = EncoderBench(hardware)
    bench.watch("a")
    bench.put_frames("a", lambda: bool(bench.published))
    bench.stop()
    assert breaking.tries[:4] == ["mpeg4"] * 3 + ["libx264"] and not bench.failures
    assert bench.published[0][1].is_key


def test_when_software_fails_too_the_session_fails_openly_and_once(
    breaking: type[BreakingEncoder],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    bench: EncoderBench,
) -> None:
    monkeypatch.setattr(encode_loop, "repeated", RepeatedLog(encode_loop.log))
    monkeypatch.setattr(breaking, "broken", {"libx264"})
    bench.watch("a")
    bench.put_frames("a", lambda: bool(bench.failures))
    for number in range(100, 110):
        bench.put("a", number)
        time.sleep(0.01)
    [(session_id, error)] = bench.failures
    assert session_id == "a" and isinstance(error, EncodingError) and "device is lost" in str(error)
    assert len(breaking.tries) == 3 and bench.published == []
    assert [record.message for record in caplog.records].count("encoding failed") == 1


def test_a_failure_now_and_then_changes_nothing(
    breaking: type[BreakingEncoder], monkeypatch: pytest.MonkeyPatch, bench: EncoderBench
) -> None:
    bench.watch("a")
    for round_ in range(4):
        monkeypatch.setattr(breaking, "broken", {"libx264"})
        num_tries = len(breaking.tries)
        bench.put_frames("a", lambda before=num_tries: len(breaking.tries) >= before + 1)  # type: ignore[misc]
        monkeypatch.setattr(breaking, "broken", set())
        bench.encode("a", 1000 + round_)
    assert bench.failures == []
