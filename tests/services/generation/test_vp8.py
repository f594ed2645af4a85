"""VP8 for browsers without H.264: decoded again by libvpx, as a browser would."""

import av
import numpy as np
import pytest

from model.engine.image import Pixels
from services.generation.video.encoder import VideoEncoder, VideoFormat
from services.wire.codec import VideoCodec
from tests.services.generation.test_encoder import EncoderBench, bench, picture

__all__ = ["bench"]

H264 = VideoFormat(codec="libx264", width=512, height=320, fps=17.5)
VP8 = H264.with_codec(VideoCodec.VP8)


def decode(frames: list[bytes]) -> list[Pixels]:
    decoder = av.CodecContext.create("libvpx", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    shown = [image for frame in frames for image in decoder.decode(av.Packet(frame))]
    return [np.asarray(image.to_ndarray(format="rgb24"), np.uint8) for image in shown]


def test_one_picture_in_is_one_frame_out_and_looks_like_it() -> None:
    encoder = VideoEncoder(VP8, 1_000_000)
    frames = [encoder.encode(picture(i)) for i in range(6)]
    assert [is_key for _, is_key in frames] == [True] + 5 * [False]
    decoded = decode([frame for frame, _ in frames])
    assert len(decoded) == 6
    small = decoded[5].reshape(80, 4, 128, 4, 3).mean(axis=(1, 3))
    assert np.abs(small - picture(5)).mean() < 4


def test_a_keyframe_comes_when_asked_for_and_anybody_may_join_there() -> None:
    encoder = VideoEncoder(VP8, 1_000_000)
    frames = [encoder.encode(picture(i), force_key=i == 10) for i in range(12)]
    assert [i for i, (_, is_key) in enumerate(frames) if is_key] == [0, 10]
    assert len(decode([frame for frame, _ in frames[10:]])) == 2


def test_the_bit_rate_is_kept() -> None:
    noise = np.random.default_rng(0).integers(0, 64, (60, 80, 128, 3), dtype=np.uint8)
    encoder = VideoEncoder(VP8, 600_000)
    num_bytes = sum(len(encoder.encode(pixels // 2 + 64)[0]) for pixels in noise)
    assert 8 * num_bytes / (60 / VP8.fps) == pytest.approx(600_000, rel=0.3)


def test_a_player_with_another_browser_restarts_the_encoder(bench: EncoderBench) -> None:
    requests = bench.watch("a")
    assert bench.encode("a", 1).codec is VideoCodec.H264
    requests.codec = VideoCodec.VP8
    frames = [bench.encode("a", idx) for idx in (2, 3)]
    assert [(frame.codec, frame.is_key) for frame in frames] == [
        (VideoCodec.VP8, True),
        (VideoCodec.VP8, False),
    ]
    assert len(decode([frame.payload for frame in frames])) == 2
    requests.codec = VideoCodec.H264
    last = bench.encode("a", 4)
    assert last.is_key and last.payload.startswith(b"\0\0\0\1")
