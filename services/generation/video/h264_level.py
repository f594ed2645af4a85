"""H.264 level 3.1 (ITU-T H.264 table A-1): what browsers offer to decode and SDP answers promise.

Pure arithmetic. Safari shows black for a stream above the level, hence larger frames are refused.
"""

LEVEL = "3.1"
MAX_BIT_RATE = 14_000_000  # bits per second, baseline profile
_MAX_FRAME_MACROBLOCKS = 3_600
_MAX_MACROBLOCKS_PER_S = 108_000
_MAX_SIDE_MACROBLOCKS = 169  # the square root of 8 times the frame's
MAX_UPSCALE = 4


def fits_level(width: int, height: int, fps: float) -> bool:
    """Whether frames of `width` x `height` pixels at `fps` stay within the level."""
    columns, rows = -(-width // 16), -(-height // 16)
    return (
        max(columns, rows) <= _MAX_SIDE_MACROBLOCKS
        and columns * rows <= _MAX_FRAME_MACROBLOCKS
        and columns * rows * fps <= _MAX_MACROBLOCKS_PER_S
    )


def choose_upscale(wanted: int, width: int, height: int, fps: float) -> int:
    """The factor between the size of a world's frames and of the encoded frames. `wanted` 0: the
    largest factor within the level, at most MAX_UPSCALE. Raises ValueError, worded for an operator,
    when the frames do not fit the level."""
    fitting = [n for n in range(1, 9) if fits_level(n * width, n * height, fps)]
    if not fitting:
        raise ValueError(
            f"the world's picture of {width}x{height} at {fps:g} fps is above H.264 level {LEVEL},"
            " which browsers decode: serve a smaller or slower world"
        )
    if wanted == 0:
        return min(MAX_UPSCALE, fitting[-1])
    if wanted not in fitting:
        raise ValueError(
            f"NEXTFRAME_GENERATION_UPSCALE={wanted} makes pictures of {wanted * width}x"
            f"{wanted * height} at {fps:g} fps, above H.264 level {LEVEL}, which browsers decode:"
            f" set at most {fitting[-1]}, or 0 for what fits"
        )
    return wanted
