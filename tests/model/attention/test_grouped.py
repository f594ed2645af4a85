"""Grouped attention gives what one masked pass gives, in values and in gradients."""

import pytest
import torch
from torch import Tensor

from model.attention.backend import Attend, MaskedAttention
from model.attention.by_frame import clip_attention
from model.attention.grouped import GroupedAttention

TOKENS = 64  # a group holds 5 of these frames


def clip(num_frames: int) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 2, num_frames * TOKENS, 8, requires_grad=True)
    return q, k, v


def outcome(attend: Attend, q: Tensor, k: Tensor, v: Tensor) -> list[Tensor]:
    mixed = attend(0, q, k, v).float()
    weights = torch.linspace(-1, 1, mixed.shape[2])[:, None]
    return [mixed, *torch.autograd.grad((mixed * weights).sum(), (q, k, v))]


@pytest.mark.parametrize("window", [1, 3, 5, 7, 20])
@pytest.mark.parametrize("num_frames", [1, 5, 12])
def test_groups_of_frames_give_what_the_mask_gives(window: int, num_frames: int) -> None:
    q, k, v = clip(num_frames)
    wanted = outcome(MaskedAttention(num_frames, TOKENS, window, q), q, k, v)
    found = outcome(GroupedAttention(num_frames, TOKENS, window, q), q, k, v)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_under_autocast_a_clip_is_computed_in_groups_in_bf16_near_to_fp32() -> None:
    q, k, v = clip(12)
    wanted = outcome(MaskedAttention(12, TOKENS, 7, q), q, k, v)
    with torch.autocast("cpu", torch.bfloat16):
        attend = clip_attention(12, TOKENS, 7, q)
        assert isinstance(attend, GroupedAttention)
        assert attend(0, q, k, v).dtype is torch.bfloat16
        found = outcome(attend, q, k, v)
    for one, other in zip(found, wanted, strict=True):
        assert (one - other).norm() < 0.02 * other.norm()
