"""The presets are the sizes they are named for, and their tokenizers fit their transformers."""

import pytest
import torch

from model.nfd.transformer import NFDTransformer
from model.presets import PRESETS, Preset
from model.tokenizer.vae import VAE


@pytest.mark.parametrize(
    ("name", "millions"), [("nfd_130m", 130), ("nfd_310m", 310), ("nfd_774m", 774)]
)
def test_a_preset_has_about_the_published_number_of_parameters(name: str, millions: int) -> None:
    with torch.device("meta"):
        transformer = NFDTransformer(PRESETS[name]().nfd)
    count = sum(parameter.numel() for parameter in transformer.parameters())
    assert count / 1e6 == pytest.approx(millions, rel=0.03)


@pytest.mark.parametrize("preset", [make() for make in PRESETS.values()], ids=list(PRESETS))
def test_the_latents_of_a_frame_are_the_tokens_of_the_transformer(preset: Preset) -> None:
    with torch.device("meta"):
        latents = VAE(preset.vae).encode(torch.zeros(1, 3, preset.height, preset.width))
    nfd = preset.nfd
    assert latents.shape[1:] == (nfd.latent_channels, nfd.grid_height, nfd.grid_width)
    assert preset.vae.compression == 16


def test_the_paper_has_336_tokens_and_a_window_of_32_frames() -> None:
    nfd = PRESETS["nfd_310m"]().nfd
    assert (nfd.tokens_per_frame, nfd.window) == (336, 32)
