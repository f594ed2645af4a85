"""A small room drawn by ray casting, with rotation and movement. For page tests."""

import base64
import io
import math
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, SCALE = 128, 80, 4
HALF = 4.0  # the room reaches from -HALF to HALF
FIELD_DEG = 90.0


class RayCastScene:
    """Position and direction of the player; `draw` renders the view."""

    def __init__(self, angle_deg: float = 20.0) -> None:
        self.x, self.y, self.angle_deg = -1.0, 0.5, angle_deg

    def move(self, forward: float, right: float, turn_deg: float) -> None:
        self.angle_deg += turn_deg
        angle = math.radians(self.angle_deg)
        limit = HALF - 0.4
        self.x += forward * math.cos(angle) - right * math.sin(angle)
        self.y += forward * math.sin(angle) + right * math.cos(angle)
        self.x, self.y = (max(-limit, min(limit, value)) for value in (self.x, self.y))

    def draw(self, is_lit: bool = False) -> NDArray[np.uint8]:
        """Returns (HEIGHT, WIDTH, 3) RGB."""
        offset_deg = np.linspace(-FIELD_DEG / 2, FIELD_DEG / 2, WIDTH)
        angle_W = np.radians(self.angle_deg + offset_deg)
        dx_W, dy_W = np.cos(angle_W), np.sin(angle_W)
        to_x_W = (np.where(dx_W > 0, HALF, -HALF) - self.x) / np.where(dx_W == 0, 1e-9, dx_W)
        to_y_W = (np.where(dy_W > 0, HALF, -HALF) - self.y) / np.where(dy_W == 0, 1e-9, dy_W)
        distance_W = np.minimum(to_x_W, to_y_W)
        along_W = np.where(to_x_W < to_y_W, self.y + distance_W * dy_W, self.x + distance_W * dx_W)
        wall_W = np.where(to_x_W < to_y_W, np.where(dx_W > 0, 0, 1), np.where(dy_W > 0, 2, 3))
        return self._paint(distance_W * np.cos(np.radians(offset_deg)), along_W, wall_W, is_lit)

    def _paint(
        self,
        depth_W: NDArray[np.float64],
        along_W: NDArray[np.float64],
        wall_W: NDArray[np.int64],
        is_lit: bool,
    ) -> NDArray[np.uint8]:
        colours = np.array([[190, 110, 60], [70, 110, 170], [120, 150, 80], [170, 160, 150]], float)
        row_H1 = (np.arange(HEIGHT)[:, None] + 0.5) / HEIGHT * 2 - 1
        half_W = 2.6 / depth_W
        is_wall_HW = np.abs(row_H1) < half_W
        brick_HW = (np.floor(along_W * 2) + np.floor(row_H1 / half_W * 4)) % 2
        light_HW = (0.45 + 0.55 * brick_HW) / (1 + 0.12 * depth_W)
        picture_HWC = colours[wall_W] * light_HW[..., None]
        floor_HW1 = (np.abs(row_H1) * np.ones(WIDTH))[..., None]
        picture_HWC = np.where(
            is_wall_HW[..., None], picture_HWC, floor_HW1 * np.where(row_H1 > 0, 70, 110)[..., None]
        )
        if is_lit:
            picture_HWC[HEIGHT // 2 - 8 : HEIGHT // 2 + 8, WIDTH // 2 - 12 : WIDTH // 2 + 12] = 250
        return picture_HWC.clip(0, 255).astype(np.uint8)


def to_frame(picture_HWC: NDArray[np.uint8]) -> av.VideoFrame:
    """Returns the image for streaming, `SCALE` times larger."""
    frame = av.VideoFrame.from_ndarray(picture_HWC, format="rgb24")
    return frame.reformat(WIDTH * SCALE, HEIGHT * SCALE, "yuv420p", interpolation="BICUBIC")


def to_data_url(picture_HWC: NDArray[np.uint8]) -> str:
    """Returns the image as a small JPEG data URL."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mjpeg") as container:
        stream: Any = container.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        frame = av.VideoFrame.from_ndarray(picture_HWC, format="rgb24")
        container.mux(stream.encode(frame.reformat(format="yuvj420p")))
        container.mux(stream.encode(None))
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
