"""The video of a VPT recording, bounded before it is decoded. Knows no actions."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from training.data.source import DamagedRecording
from training.data.vpt.lines import FPS, MAX_FRAMES

MAX_RATE_ERROR = 0.05
MAX_PIXELS = 1920 * 1080  # VPT's are 640x360 and 1280x720


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedVideo:
    """Frames (N, height, width, 3) RGB. `holes` (N,): True where time is missing before a frame.
    `is_torn`: the file is damaged behind the last frame."""

    frames: NDArray[np.uint8]
    holes: NDArray[np.bool_]
    is_torn: bool = False


def read_video(path: Path, *, width: int, height: int) -> DecodedVideo:
    """At most MAX_FRAMES frames, up to the first damaged one. Raises DamagedRecording where there
    is no frame, or where the film does not have FPS frames a second."""
    frames: list[NDArray[np.uint8]] = []
    times_s: list[float | None] = []
    is_torn = False
    try:
        with av.open(str(path)) as container:
            context = container.streams.video[0].codec_context
            if context.width * context.height > MAX_PIXELS:
                raise DamagedRecording("video too large")
            for frame in islice(container.decode(video=0), MAX_FRAMES):
                small = frame.reformat(width=width, height=height, format="rgb24")
                frames.append(np.asarray(small.to_ndarray(), np.uint8))
                times_s.append(frame.time)
    except (OSError, av.FFmpegError, IndexError, UnicodeDecodeError) as error:
        if not frames:
            raise DamagedRecording("video damaged") from error
        is_torn = True
    if not frames:
        raise DamagedRecording("video empty")
    return DecodedVideo(frames=np.stack(frames), holes=_holes(times_s), is_torn=is_torn)


def _holes(times_s: Sequence[float | None]) -> NDArray[np.bool_]:
    """Where more than half a frame period is missing. Raises DamagedRecording for another frame
    rate, since line i of a recording belongs to frame i only at the recorder's own rate."""
    known_s = np.array([np.nan if time_s is None else time_s for time_s in times_s])
    steps_s = np.diff(known_s)
    if np.isfinite(steps_s).any():
        rate = 1.0 / max(float(np.nanmedian(steps_s)), 1e-6)
        if abs(rate / FPS - 1.0) > MAX_RATE_ERROR:
            raise DamagedRecording(f"film of {rate:.3g} frames a second, {FPS:g} expected")
    return np.concatenate(([False], steps_s * FPS > 1.5))


def write_video(path: Path, frames_NHWC: NDArray[np.uint8], *, fps: int) -> None:
    """The same form out: H.264 in mp4."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "12"})
        stream.height, stream.width = frames_NHWC.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for pixels in frames_NHWC:
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
