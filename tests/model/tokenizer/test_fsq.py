"""The discrete tokenizer: codes and latents are two spellings of one thing."""

from dataclasses import replace

import pytest
import torch

from model.presets import debug
from model.tokenizer.fsq import FSQ, FSQConfig, codebook_use
from model.tokenizer.protocol import Tokenizer
from model.tokenizer.vae import VAE, pixels_from_uint8

LEVELS = (5, 4, 3, 2)
CONFIG = FSQConfig(levels=LEVELS, convs=replace(debug().vae, latent_channels=4))


@pytest.fixture(scope="module")
def fsq() -> FSQ:
    torch.manual_seed(0)
    return FSQ(CONFIG).eval()


def frames(count: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    bytes_ = torch.randint(0, 256, (count, 32, 32, 3), generator=generator, dtype=torch.uint8)
    return pixels_from_uint8(bytes_)


def test_every_code_comes_back_from_its_latents(fsq: FSQ) -> None:
    codes = torch.arange(CONFIG.codebook_size).view(1, 8, 15)
    latents = fsq.latents_of(codes)
    assert CONFIG.codebook_size == 120
    assert torch.equal(fsq.codes_of(latents), codes)
    assert latents.min() == -1 and latents.max() == 1
    cells = latents[0].flatten(1).T.tolist()
    assert len(set(map(tuple, cells))) == 120


def test_what_encode_gives_is_on_the_grid(fsq: FSQ) -> None:
    with torch.no_grad():
        latents = fsq.encode(frames())
    assert torch.equal(fsq.latents_of(fsq.codes_of(latents)), latents)


def test_frames_pass_alone_as_in_company(fsq: FSQ) -> None:
    with torch.no_grad():
        together, alone = fsq.encode(frames()), fsq.encode(frames()[1:2])
        assert torch.equal(together[1:2], alone)
        torch.testing.assert_close(fsq.decode(together)[1:2], fsq.decode(alone), atol=1e-5, rtol=0)


def test_gradients_pass_the_rounding(fsq: FSQ) -> None:
    pixels = frames().requires_grad_()
    fsq.decode(fsq.encode(pixels)).square().mean().backward()  # type: ignore[no-untyped-call]
    assert pixels.grad is not None
    assert pixels.grad.abs().max() > 0


def test_both_tokenizers_stand_behind_one_door() -> None:
    with torch.no_grad():
        for tokenizer in (FSQ(CONFIG), VAE(CONFIG.convs)):
            door: Tokenizer = tokenizer
            latents = door.encode(frames())
            assert latents.shape == (3, 4, 2, 2)
            assert door.decode(latents).shape == (3, 3, 32, 32)


def test_use_counts_codes_and_how_evenly_they_occur() -> None:
    even = codebook_use(torch.arange(10).repeat(5), 20)
    assert [even.share, even.perplexity] == pytest.approx([0.5, 10])
    uneven = codebook_use(torch.tensor([0] * 99 + [1]), 20)
    assert [uneven.share, uneven.perplexity] == pytest.approx([0.1, 1.0576], abs=1e-3)


@pytest.mark.parametrize("levels", [(5, 4, 3), (5, 4, 3, 1)])
def test_levels_that_fit_no_latent_are_refused(levels: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least 2 expected"):
        FSQConfig(levels=levels, convs=CONFIG.convs)
