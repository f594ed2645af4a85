"""The video of a VPT recording, bounded before it is decoded. Knows no actions."""

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from training.data.source import DamagedRecording
from training.data.vpt.lines import MAX_FRAMES

MAX_PIXELS = 1920 * 1080  # VPT's are 640x360 and 1280x720


def read_video(path: Path, *, width: int, height: int) -> NDArray[np.uint8]:
    """Frames (N, height, width, 3) RGB. Raises DamagedRecording."""
    frames: list[NDArray[np.uint8]] = []
    try:
        with av.open(str(path)) as container:
            context = container.streams.video[0].codec_context
            if context.width * context.height > MAX_PIXELS:
                raise DamagedRecording("video too large")
            for frame in container.decode(video=0):
                if len(frames) == MAX_FRAMES:
                    raise DamagedRecording("video too long")
                small = frame.reformat(width=width, height=height, format="rgb24")
                frames.append(np.asarray(small.to_ndarray(), np.uint8))
    except (OSError, av.FFmpegError, IndexError, UnicodeDecodeError) as error:
        raise DamagedRecording("video damaged") from error
    if not frames:
        raise DamagedRecording("video empty")
    return np.stack(frames)


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
