"""`python -m tests.services.generation.codec_cost`: processor time of a frame in each codec, at
size and bit rate of the shipped world. A measurement, not a test. Runs alternate, so background
load affects both codecs equally."""

import time
from statistics import median

import numpy as np

from model.engine.image import Pixels
from services.generation.video.bitrate import START_INDEX, choose_bit_rates
from services.generation.video.encoder import VideoEncoder, VideoFormat
from services.wire.codec import VideoCodec

VIDEO = VideoFormat(codec="libx264", width=512, height=320, fps=17.5)
NUM_FRAMES, NUM_RUNS = 100, 7


def main() -> None:
    film = [_picture(shift) for shift in range(NUM_FRAMES)]
    spent: dict[VideoCodec, list[float]] = {codec: [] for codec in VideoCodec}
    for _ in range(NUM_RUNS):
        for codec, times_ms in spent.items():
            times_ms.append(_encode_ms(VIDEO.with_codec(codec), film))
    for codec, times_ms in spent.items():
        print(f"{codec.value}: {median(times_ms):.2f} ms of processor time per frame")
    pairs = zip(spent[VideoCodec.VP8], spent[VideoCodec.H264], strict=True)
    ratios = sorted(vp8 / h264 for vp8, h264 in pairs)
    print(f"vp8 / h264: {median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


def _encode_ms(video: VideoFormat, film: list[Pixels]) -> float:
    encoder = VideoEncoder(
        video, choose_bit_rates(video.width, video.height, video.fps)[START_INDEX]
    )
    started_s = time.thread_time()
    for pixels in film:
        encoder.encode(pixels)
    return 1000 * (time.thread_time() - started_s) / len(film)


def _picture(shift: int) -> Pixels:
    """A smooth 128x80 scene with some noise, turned by two pixels a frame."""
    x, y = np.arange(128)[None, :, None] + 2 * shift, np.arange(80)[:, None, None]
    waves = np.sin(x / np.array([9, 13, 21])) * np.cos(y / np.array([11, 7, 17]))
    noise = np.random.default_rng(shift).integers(-6, 7, (80, 128, 3))
    pixels: Pixels = np.clip(127.5 + 100 * waves + noise, 0, 255).astype(np.uint8)
    return pixels


if __name__ == "__main__":
    main()
