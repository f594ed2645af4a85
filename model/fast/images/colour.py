"""Colours as video encoders take them, converted on the device.

Shape letters: B images, H W pixels (both even), C colours.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

# ITU-R BT.601, limited range: rows of luma, blue and red difference, per unit of R, G, B in 0..255.
_LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)
_BLUE = (-37.797 / 255, -74.203 / 255, 112.0 / 255)
_RED = (112.0 / 255, -93.786 / 255, -18.214 / 255)


def yuv420(rgb_BHWC: Tensor) -> Tensor:
    """uint8 (B, H, W, 3) to uint8 (B, H * 3 / 2, W): luma, then two chroma planes with the means of
    two by two pixels."""
    rgb_BCHW = rgb_BHWC.permute(0, 3, 1, 2).float()
    halved_BChw = F.avg_pool2d(rgb_BCHW, 2)
    planes = (
        _plane(rgb_BCHW, _LUMA, offset=16.0),
        _plane(halved_BChw, _BLUE, offset=128.0),
        _plane(halved_BChw, _RED, offset=128.0),
    )
    height, width = rgb_BHWC.shape[1:3]
    return torch.cat(planes, dim=1).view(-1, height * 3 // 2, width)


def _plane(rgb_BCHW: Tensor, weights: tuple[float, float, float], *, offset: float) -> Tensor:
    """(B, H * W). Sums, not a matrix product: those may be rounded to fewer bits on a GPU."""
    red, green, blue = rgb_BCHW.unbind(1)
    value = offset + red * weights[0] + green * weights[1] + blue * weights[2]
    return value.round().to(torch.uint8).flatten(1)
