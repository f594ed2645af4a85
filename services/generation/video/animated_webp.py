"""A short loop of frames as an animated WebP, for cards of a page, where video cannot play."""

import io
from collections.abc import Iterable
from fractions import Fraction

import av
from av.video.reformatter import Interpolation

from model.engine.image import Pixels

QUALITY = 45  # of libwebp, 0 to 100: about 2 KB for each frame of 256x160
EFFORT = 4  # of libwebp, 0 to 6


def encode_webp(frames: Iterable[Pixels], *, width: int, height: int, fps: float) -> bytes:
    """An animation without end. `frames`: uint8 arrays (H, W, 3), RGB; scaled to `width` x
    `height`."""
    file = io.BytesIO()
    with av.open(file, "w", format="webp", options={"loop": "0"}) as container:
        stream = container.add_stream("libwebp_anim", rate=Fraction(fps).limit_denominator(1000))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"quality": str(QUALITY), "compression_level": str(EFFORT)}
        for pixels in frames:
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
                width, height, "yuv420p", interpolation=Interpolation.BICUBIC
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()
