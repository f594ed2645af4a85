"""Integer layers against the slow and obvious: what was rounded, multiplied out in fp64."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.int8.layers import Int8Conv2d, Int8Linear, SigmoidGELU
from model.int8.rounding import rounded
from model.int8.serving import why_not_int8

pytestmark = pytest.mark.skipif(bool(why_not_int8()), reason=why_not_int8() or "it can")


def nearest(x_MK: Tensor) -> Tensor:
    """What the integers stand for, in fp64."""
    whole, scale = rounded(x_MK)
    return whole.double() * scale.double()


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    torch.manual_seed(0)


def test_no_number_moves_by_more_than_half_a_level() -> None:
    x = torch.randn(50, 64) * torch.logspace(-20, 20, 50)[:, None]
    _, scale = rounded(x)
    assert ((nearest(x) - x).abs() <= 0.5001 * scale).all()


@pytest.mark.parametrize(("inputs", "outputs"), [(192, 576), (768, 192), (7, 5)])
def test_a_linear_layer_multiplies_what_was_rounded(inputs: int, outputs: int) -> None:
    linear, x = nn.Linear(inputs, outputs), torch.randn(3, 4, inputs)
    out = Int8Linear(linear)(x)
    assert linear.bias is not None
    wanted = nearest(x.view(12, -1)) @ nearest(linear.weight).t() + linear.bias
    torch.testing.assert_close(out.double(), wanted.view(3, 4, -1), atol=1e-5, rtol=1e-5)
    assert (out - linear(x)).norm() < 0.02 * out.norm()


@pytest.mark.parametrize("size", [1, 3])
def test_a_convolution_multiplies_what_was_rounded(size: int) -> None:
    conv, x = nn.Conv2d(12, 20, size, padding=size // 2), torch.randn(3, 12, 5, 8)
    pictures = nearest(x.flatten(1)).view_as(x)
    weight = nearest(conv.weight.flatten(1)).view_as(conv.weight)
    assert conv.bias is not None
    wanted = F.conv2d(pictures, weight, conv.bias.double(), padding=size // 2)
    for x_BCHW in (x, x.contiguous(memory_format=torch.channels_last)):
        out = Int8Conv2d(conv)(x_BCHW)
        torch.testing.assert_close(out.double(), wanted, atol=1e-5, rtol=1e-5)


def test_a_row_alone_is_the_row_in_company() -> None:
    """Bitwise, whatever the company: one row is a thousand times as loud as the rest."""
    layer, x = Int8Linear(nn.Linear(192, 768)), torch.randn(240, 192)
    x[7] *= 1000
    together = layer(x)
    for few in (slice(0, 1), slice(5, 8), slice(100, 140)):
        assert torch.equal(layer(x[few]), together[few])


def test_a_picture_alone_is_the_picture_in_company() -> None:
    layer, x = Int8Conv2d(nn.Conv2d(48, 48, 3, padding=1)), torch.randn(3, 48, 20, 32)
    x[0] *= 1000
    together = layer(x)
    for number in range(3):
        assert torch.equal(layer(x[number : number + 1])[0], together[number])


def test_sums_of_the_largest_products_do_not_saturate() -> None:
    linear, x = nn.Linear(1024, 16), torch.ones(8, 1024)
    assert linear.bias is not None
    nn.init.constant_(linear.weight, -3.0)
    out = Int8Linear(linear)(x)
    torch.testing.assert_close(out, -3.0 * 1024 + linear.bias.expand(8, -1), atol=0, rtol=1e-6)


def test_silence_gives_the_bias() -> None:
    linear = nn.Linear(8, 4)
    assert torch.equal(Int8Linear(linear)(torch.zeros(2, 8)), linear.bias.expand(2, -1))


def test_the_quick_gelu_is_as_exact_as_torchs() -> None:
    x = torch.linspace(-12, 12, 100_001)
    exact = F.gelu(x.double(), approximate="tanh")
    assert (SigmoidGELU()(x) - exact).abs().max() < 6e-7
    assert torch.equal(SigmoidGELU()(torch.tensor([-1e30, 1e30])), torch.tensor([-0.0, 1e30]))
