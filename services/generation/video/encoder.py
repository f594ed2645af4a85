"""Pixels to H.264, or to VP8 for a browser without H.264. Knows no session and no network.

H.264: constrained baseline (RFC 7742 requires WebRTC peers to support the profile) without
B-frames: one frame in, one access unit out. Annex B, with the parameter sets before every IDR:
decoding can begin at any keyframe. VP8: one frame in, one frame out, with libvpx's realtime
settings. Pixels: uint8 arrays (H, W, 3), RGB.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

import av
import numpy as np
from av.error import FFmpegError
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from model.engine.image import FrameImage, Pixels
from services.generation.video.h264_level import LEVEL
from services.wire.codec import VideoCodec

KEYFRAME_EVERY_S = 8.0
_VBV_S = 0.5
_CODECS = {"x264": "libx264", "nvenc": "h264_nvenc"}
_VP8 = "libvpx"
_X264_OPTIONS = {
    "preset": "ultrafast",
    "tune": "zerolatency",
    "profile": "baseline",
    "level": LEVEL,
}
_NVENC_OPTIONS = {
    "preset": "p4",
    "tune": "ull",
    "profile": "baseline",
    "level": LEVEL,
    "rc": "cbr",
    "delay": "0",
    "zerolatency": "1",
    "forced-idr": "1",
}
_VP8_OPTIONS = {
    "deadline": "realtime",
    "cpu-used": "-16",  # libvpx's fastest fixed speed
    "lag-in-frames": "0",
    "auto-alt-ref": "0",
    "error-resilient": "default",
    "max-intra-rate": "1200",  # percent: a keyframe may take the bits of twelve frames
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFormat:
    """`codec`: FFmpeg's name of the encoder. `width`, `height`: in pixels. `fps`: of the world."""

    codec: str
    width: int
    height: int
    fps: float

    @property
    def kind(self) -> VideoCodec:
        return VideoCodec.VP8 if self.codec == _VP8 else VideoCodec.H264

    def with_codec(self, kind: VideoCodec) -> "VideoFormat":
        """The same frames in VP8, or in H.264 by the encoder in `codec`."""
        return replace(self, codec=_VP8) if kind is VideoCodec.VP8 else self

    @property
    def in_software(self) -> "VideoFormat":
        """The same stream by a software encoder; the format itself if there is no other encoder."""
        return replace(self, codec=_CODECS["x264"]) if self.kind is VideoCodec.H264 else self


class VideoEncoder:
    """One stream of `video` at one bit rate (bits per second), for one thread. Raises FFmpegError
    when the codec does not work on the machine."""

    def __init__(self, video: VideoFormat, bit_rate: int) -> None:
        self.video = video
        self._reformatter = VideoReformatter()
        self._num_frames = 0
        context = av.CodecContext.create(video.codec, "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height, context.pix_fmt = video.width, video.height, "yuv420p"
        context.framerate = Fraction(video.fps).limit_denominator(1000)
        context.time_base = 1 / context.framerate
        context.bit_rate = bit_rate
        context.gop_size = round(KEYFRAME_EVERY_S * video.fps)
        context.max_b_frames = 0
        context.thread_count = 1
        context.color_range = ColorRange.MPEG
        context.colorspace = Colorspace.ITU601
        context.options = dict(_options(video.codec, bit_rate))
        context.open()
        self._context = context

    def encode(self, pixels: Pixels, *, force_key: bool = False) -> tuple[bytes, bool]:
        """(access unit, whether it is a keyframe). Pixels of any size are scaled to the format."""
        frame = self._reformatter.reformat(
            av.VideoFrame.from_ndarray(pixels, format="rgb24"),
            self.video.width,
            self.video.height,
            "yuv420p",
            interpolation=Interpolation.BICUBIC,
        )
        return self._encode(frame, force_key)

    def encode_image(self, image: FrameImage, *, force_key: bool = False) -> tuple[bytes, bool]:
        """As `encode`, from the YUV planes of the device if their size is the size of the
        format."""
        yuv = image.yuv420()
        if yuv is None or yuv.shape != (self.video.height * 3 // 2, self.video.width):
            return self.encode(image.rgb(), force_key=force_key)
        return self._encode(av.VideoFrame.from_ndarray(yuv, format="yuv420p"), force_key)

    def _encode(self, frame: av.VideoFrame, force_key: bool) -> tuple[bytes, bool]:
        frame.pts = self._num_frames
        frame.pict_type = PictureType.I if force_key else PictureType.NONE
        self._num_frames += 1
        packets = self._context.encode(frame)
        return b"".join(bytes(packet) for packet in packets), packets[0].is_keyframe


def find_codec(wanted: str) -> str:
    """FFmpeg's name of the H.264 encoder to use, proven by encoding a frame: not every CUDA device
    has NVENC (A100, H100 and H200 have none). `wanted`: auto, x264 or nvenc. Raises RuntimeError
    when no wanted encoder works."""
    names = [_CODECS[wanted]] if wanted != "auto" else ["h264_nvenc", "libx264"]
    for name in names:
        try:
            probe = VideoEncoder(VideoFormat(codec=name, width=256, height=160, fps=30.0), 500_000)
            probe.encode(np.zeros((160, 256, 3), np.uint8))
        except (FFmpegError, IndexError) as error:
            log.info("encoder does not work here", extra={"codec": name, "reason": str(error)})
        else:
            return name
    raise RuntimeError(f"no H.264 encoder works here: tried {', '.join(names)}")


def encode_jpeg(pixels: Pixels, *, width: int, height: int) -> bytes:
    """A JPEG of `width` x `height` pixels for a page."""
    context = av.CodecContext.create("mjpeg", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, "yuvj420p"
    context.time_base = Fraction(1)
    context.options = {"qscale": "3", "flags": "qscale", "global_quality": str(3 * 118)}
    picture = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
        width, height, "yuvj420p", interpolation=Interpolation.BICUBIC
    )
    return b"".join(bytes(packet) for packet in [*context.encode(picture), *context.encode(None)])


def _options(codec: str, bit_rate: int) -> Mapping[str, str]:
    rate = {"maxrate": str(bit_rate), "bufsize": str(round(bit_rate * _VBV_S))}
    if codec == _VP8:
        # minrate equal to maxrate selects libvpx's constant bit rate.
        return _VP8_OPTIONS | rate | {"minrate": str(bit_rate)}
    return (_NVENC_OPTIONS if codec == "h264_nvenc" else _X264_OPTIONS) | rate
