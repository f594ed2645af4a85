"""Layers with integer products: int8 by int8, summed in int32, exact in any order.

Weights are rounded once, on 255 levels per output; inputs are rounded in every call, on 255 levels
per token of a linear layer and per image of a convolution. Results do not depend on the rest of the
batch, bitwise. For inference on a CPU; knows no network.
"""

import math

import torch
from torch import Tensor, nn

from model.int8.rounding import rounded

_GELU_LINEAR = 2 * math.sqrt(2 / math.pi)
_GELU_CUBIC = _GELU_LINEAR * 0.044715


class Int8Linear(nn.Module):
    """Stands where an `nn.Linear` stood."""

    weight_KN: Tensor
    scale_N: Tensor
    bias_N: Tensor

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        _keep_rounded(self, linear.weight, linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., K) to (..., N)."""
        whole_MK, scale_M1 = rounded(x.flatten(0, -2))
        out_MN = torch._int_mm(whole_MK, self.weight_KN).float()
        out_MN.mul_(scale_M1).mul_(self.scale_N).add_(self.bias_N)
        return out_MN.view(*x.shape[:-1], len(self.scale_N))


class Int8Conv2d(nn.Module):
    """Replaces an `nn.Conv2d` that keeps height and width. The convolution is a single matrix
    product with a row per pixel, holding the pixel's whole window. Images are channels-last in
    memory, where a line of the window is a contiguous range of bytes."""

    weight_KN: Tensor
    scale_N: Tensor
    bias_N: Tensor

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        assert conv.stride == (1, 1) and conv.groups == 1
        assert conv.bias is not None
        self._size = conv.kernel_size[0]
        assert conv.kernel_size == (self._size, self._size)
        assert conv.padding == (self._size // 2, self._size // 2)
        _keep_rounded(self, conv.weight.permute(0, 2, 3, 1).flatten(1), conv.bias)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        batch, channels, height, width = x_BCHW.shape
        x_BHWC = x_BCHW.permute(0, 2, 3, 1)
        whole_BK, scale_B1 = rounded(x_BHWC.flatten(1))
        whole_BHWC = whole_BK.view(batch, height, width, channels)
        windows_MK = _windows(whole_BHWC, self._size).view(-1, len(self.weight_KN))
        out_MN = torch._int_mm(windows_MK, self.weight_KN).float()
        out_BHWN = out_MN.view(batch, height, width, len(self.scale_N))
        out_BHWN.mul_(scale_B1[..., None, None] * self.scale_N).add_(self.bias_N)
        return out_BHWN.permute(0, 3, 1, 2)


class SigmoidGELU(nn.Module):
    """GELU by tanh in another form, x * sigmoid(2 u) for (1 + tanh u) / 2: as near to fp64, in half
    of the time or less on a CPU, where torch computes tanh slowly."""

    def forward(self, x: Tensor) -> Tensor:
        gate = x * x
        gate.mul_(_GELU_CUBIC).add_(_GELU_LINEAR).mul_(x).sigmoid_()
        return gate.mul_(x)


def _keep_rounded(layer: nn.Module, weight_NK: Tensor, bias_N: Tensor) -> None:
    whole_NK, scale_N1 = rounded(weight_NK)
    layer.register_buffer("weight_KN", whole_NK.t().contiguous())
    layer.register_buffer("scale_N", scale_N1[:, 0])
    layer.register_buffer("bias_N", bias_N)


def _windows(x_BHWC: Tensor, size: int) -> Tensor:
    """What each pixel's window sees, zeros beyond the edges: (B, H, W, size, size * C)."""
    if size == 1:
        return x_BHWC
    margin = size // 2
    batch, height, width, channels = x_BHWC.shape
    padded = nn.functional.pad(x_BHWC, (0, 0, margin, margin, margin, margin))
    picture, line, pixel, one = padded.stride()
    shape = (batch, height, width, size, size * channels)
    return padded.as_strided(shape, (picture, line, pixel, line, one)).contiguous()
