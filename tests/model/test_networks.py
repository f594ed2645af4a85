"""What the networks promise by themselves, before any cache or engine."""

import math
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from model import presets
from model.attention.backend import MaskedAttention
from model.attention.by_frame import FrameByFrameAttention, Kernel, written_out
from model.attention.mask import block_causal_mask
from model.nfd.transformer import NFDTransformer, Previous
from model.tokenizer.vae import VAE, pixels_from_uint8, uint8_from_pixels

CONFIG = presets.debug().nfd
NUM_FRAMES = 6


@pytest.fixture
def transformer() -> NFDTransformer:
    torch.manual_seed(0)
    model = NFDTransformer(CONFIG)
    for parameter in model.parameters():  # adaLN-Zero starts as the zero function
        torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


def clip(batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    x = torch.randn(batch, NUM_FRAMES, CONFIG.latent_channels, 2, 2)
    return x, torch.rand(batch, NUM_FRAMES), torch.randn(batch, NUM_FRAMES, CONFIG.action_size)


def predict(
    model: NFDTransformer, x: Tensor, t: Tensor, actions: Tensor, first_position: int = 0
) -> Tensor:
    positions = torch.arange(first_position, first_position + NUM_FRAMES)[None]
    attend = MaskedAttention(NUM_FRAMES, CONFIG.tokens_per_frame, CONFIG.window, x)
    with torch.no_grad():
        out: Tensor = model(x, t, actions, positions, Previous.absent(x), attend)
    return out


@pytest.mark.parametrize("changed", ["latent", "noise level", "action"])
def test_no_frame_depends_on_a_later_one(transformer: NFDTransformer, changed: str) -> None:
    x, t, actions = clip()
    before = predict(transformer, x, t, actions)
    index = ["latent", "noise level", "action"].index(changed)
    (x, t, actions)[index][:, 4:] += 1.0
    after = predict(transformer, x, t, actions)
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])


def test_only_differences_of_positions_count(transformer: NFDTransformer) -> None:
    x, t, actions = clip()
    near = predict(transformer, x, t, actions)
    far = predict(transformer, x, t, actions, first_position=1_000_000)
    torch.testing.assert_close(near, far, atol=1e-5, rtol=0)


def test_a_fresh_network_is_the_zero_function() -> None:
    x, t, actions = clip()
    assert not predict(NFDTransformer(CONFIG), x, t, actions).any()


def test_the_network_can_be_differentiated_forwards(transformer: NFDTransformer) -> None:
    x, t, actions = clip()
    attend = FrameByFrameAttention(CONFIG.tokens_per_frame, CONFIG.window, written_out)
    positions = torch.arange(NUM_FRAMES)[None]

    def network(x: Tensor, t: Tensor) -> Tensor:
        out: Tensor = transformer(x, t, actions, positions, Previous.absent(x), attend)
        return out

    dx, dt = torch.randn_like(x), torch.ones_like(t)
    tangent = torch.func.jvp(network, (x, t), (dx, dt))[1]
    step = 1e-2
    with torch.no_grad():
        ahead, behind = network(x + step * dx, t + step * dt), network(x - step * dx, t - step * dt)
    central = (ahead - behind) / (2 * step)
    assert (tangent - central).norm() < 0.02 * central.norm()


def test_the_mask_is_two_way_inside_a_frame_and_ends_at_the_window() -> None:
    mask = block_causal_mask(num_frames=4, tokens_per_frame=2, window=2)
    frames = mask[::2, ::2].int().tolist()
    assert frames == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]
    assert torch.equal(mask[::2], mask[1::2])


@pytest.mark.parametrize("window", [1, 2, 4, 9])
@pytest.mark.parametrize("kernel", [scaled_dot_product_attention, written_out])
def test_frame_by_frame_gives_what_the_mask_gives(window: int, kernel: Kernel) -> None:
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 3, 4 * 5, 8, requires_grad=True)
    masked = MaskedAttention(num_frames=4, tokens_per_frame=5, window=window, like=q)
    by_frame = FrameByFrameAttention(tokens_per_frame=5, window=window, kernel=kernel)
    outs = [attend(0, q, k, v) for attend in (masked, by_frame)]
    torch.testing.assert_close(*outs, atol=1e-5, rtol=1e-5)
    for wanted, found in zip(
        *(torch.autograd.grad(out.square().sum(), (q, k, v)) for out in outs), strict=True
    ):
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("window", [1, 2, 4, 9])
def test_its_forward_derivative_is_that_of_the_whole_under_the_mask(window: int) -> None:
    torch.manual_seed(0)
    at, along = torch.randn(2, 3, 2, 3, 4 * 5, 8).double().unbind(0)
    mask_SS = block_causal_mask(num_frames=4, tokens_per_frame=5, window=window)

    def whole(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = (q @ k.mT / math.sqrt(8)).masked_fill(~mask_SS, -math.inf)
        return scores.softmax(dim=-1) @ v

    by_frame = partial(FrameByFrameAttention(5, window, written_out), 0)
    wanted, found = (torch.func.jvp(form, tuple(at), tuple(along)) for form in (whole, by_frame))
    torch.testing.assert_close(found, wanted, atol=1e-12, rtol=1e-12)


def test_frames_pass_the_tokenizer_alone_as_in_company() -> None:
    vae = VAE(presets.debug().vae).eval()
    frames = torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8)
    with torch.no_grad():
        together = vae.decode(vae.encode(pixels_from_uint8(frames)))
        alone = vae.decode(vae.encode(pixels_from_uint8(frames[1:2])))
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=0)


def test_pixels_survive_the_way_there_and_back() -> None:
    frames = torch.arange(256, dtype=torch.uint8).view(1, 16, 16, 1).expand(1, 16, 16, 3)
    assert torch.equal(uint8_from_pixels(pixels_from_uint8(frames)), frames)


def test_a_frame_is_modulated_alike_however_many_share_the_pass(
    transformer: NFDTransformer,
) -> None:
    """Bitwise: with it, a session's latents do not depend on the size of its batch."""
    _, t, actions = clip(batch=2)
    with torch.no_grad():
        together = transformer.modulate(t, t, actions)
        for number in (1, 2, 3):
            few = transformer.modulate(t[:1, :number], t[:1, :number], actions[:1, :number])
            assert torch.equal(few, together[:, :1, :number])


def test_with_a_kernel_of_one_a_tile_is_coded_by_itself() -> None:
    torch.manual_seed(0)
    vae = VAE(presets.island().vae).eval()
    pixels = torch.rand(1, 3, 32, 48)
    other = pixels.clone()
    other[..., :16, 16:32] = 0.0
    latents, others = vae.encode(pixels), vae.encode(other)
    changed = (latents != others).any(dim=1)[0]
    assert changed.tolist() == [[False, True, False], [False, False, False]]
    drawn = (vae.decode(latents) != vae.decode(others)).any(dim=1)[0]
    assert drawn[:16, 16:32].any() and not drawn[16:].any() and not drawn[:, :16].any()


def test_a_cell_may_see_the_neighbours_it_had_in_the_frame_before() -> None:
    config = replace(CONFIG, grid_height=3, grid_width=4, see_neighbours=True)
    torch.manual_seed(0)
    embed = NFDTransformer(config)._embed
    x, before = torch.randn(1, 1, 8, 3, 4), torch.randn(1, 8, 3, 4)
    other = before.clone()
    other[..., 0, 1] += 1.0
    differs = (embed(x, before) != embed(x, other)).any(dim=-1).view(3, 4)
    assert differs.tolist() == [[True] * 3 + [False]] * 2 + [[False] * 4]
    with pytest.raises(ValueError, match="concat_previous"):
        replace(config, concat_previous=False)
