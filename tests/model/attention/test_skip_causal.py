"""The printed skip-causal mask is drawn by hand, and is what the attention really does."""

import torch

from model.attention.skip_causal import AfterCleanPast, CleanPast, frame_mask

TOKENS = 2
FRAMES, WINDOW = (0, 2, 4), 3


def test_the_mask_is_the_one_drawn_by_hand() -> None:
    assert frame_mask(5, range(5), 3) == ["o....", "#o...", "##o..", ".##o.", "..##o"]


def test_a_window_of_one_frame_sees_itself_only() -> None:
    assert frame_mask(3, range(3), 1) == ["o..", ".o.", "..o"]


def test_attention_sees_the_clean_frames_of_the_mask_and_no_other() -> None:
    """The derivative of a noisy frame's result by each clean frame's values is zero or not."""
    draw = torch.Generator().manual_seed(3)
    q, k, v = torch.randn(3, 1, 2, 5 * TOKENS, 4, generator=draw)
    v = v.clone().requires_grad_()
    past = CleanPast(5, TOKENS, WINDOW, q)
    past(0, q, k, v)
    noisy = torch.randn(3, len(FRAMES), 2, TOKENS, 4, generator=draw)
    noisy_v = noisy[2].clone().requires_grad_()
    drawn = AfterCleanPast(past, FRAMES)(0, noisy[0], noisy[1], noisy_v)
    for row, line in enumerate(frame_mask(5, FRAMES, WINDOW)):
        by_clean, by_noisy = torch.autograd.grad(
            drawn[row].sum(), (v, noisy_v), retain_graph=True, allow_unused=True
        )
        seen = torch.zeros(5, dtype=torch.bool)
        if by_clean is not None:
            seen = by_clean.view(2, 5, -1).abs().amax((0, 2)) > 0
        assert seen.tolist() == [sign == "#" for sign in line]
        others = [other for other in range(len(FRAMES)) if other != row]
        assert by_noisy[row].abs().min() > 0
        assert not by_noisy[others].any()
