"""The tokenizer's objectives on a few pictures: it learns them, and its second stage draws the same
latents better."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from model.tokenizer.vae import VAE, VAEConfig, pixels_from_uint8
from training.data.recording import sample_evenly
from training.objectives.objective import Losses, Objective
from training.recipes.settings.picture import PictureWeights
from training.tokenizer.frames import FrameSource, Video
from training.tokenizer.losses.colours import RareColours
from training.tokenizer.losses.picture_loss import PictureLoss
from training.tokenizer.reconstruction import Reconstruction, Redecoding, SecondStage

CONFIG = VAEConfig(
    latent_channels=4, patch=4, encoder_widths=(16, 16), decoder_widths=(16, 16), num_blocks=1
)


def _pictures(count: int = 4) -> Video:
    """Four quarters of different colours each."""
    colours = np.random.default_rng(0).integers(0, 255, (count, 2, 2, 3), dtype=np.uint8)
    return colours.repeat(8, axis=1).repeat(8, axis=2)


def _parts() -> tuple[VAE, FrameSource, PictureLoss]:
    torch.manual_seed(0)
    films = [_pictures()]
    loss = PictureLoss(PictureWeights(), RareColours.of(films[0]))
    return VAE(CONFIG), FrameSource(films, 4, torch.device("cpu")), loss


def _train(objective: Objective, module: nn.Module, num_steps: int) -> list[Losses]:
    optimizer = torch.optim.AdamW([p for p in module.parameters() if p.requires_grad], lr=5e-3)
    generator = torch.Generator().manual_seed(0)
    seen = []
    for step in range(num_steps):
        seen.append(objective(generator, step))
        seen[-1]["loss"].backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
    return seen


def test_the_tokenizer_learns_pictures() -> None:
    vae, frames, loss = _parts()
    losses = _train(Reconstruction(vae, frames, loss, kl=5e-4), vae, 120)
    assert losses[-1]["l1"].item() < 0.65 * losses[0]["l1"].item()


def test_the_second_stage_moves_the_decoder_and_not_one_bit_of_a_latent() -> None:
    vae, frames, loss = _parts()
    _train(Reconstruction(vae, frames, loss, kl=5e-4), vae, 60)
    players = SecondStage(vae)
    pixels = pixels_from_uint8(torch.from_numpy(_pictures()))
    latents, drawn = vae.encode(pixels), vae.decode(vae.encode(pixels))
    losses = _train(Redecoding(players, frames, loss, adversarial=0.0), players, 60)
    assert losses[-1]["l1"].item() < 0.9 * losses[0]["l1"].item()
    assert torch.equal(vae.encode(pixels), latents)
    assert not torch.equal(vae.decode(latents), drawn)


def test_every_frame_of_every_film_is_drawn() -> None:
    films = [np.full((n, 4, 4, 3), n, np.uint8) for n in (1, 2, 5)]
    pixels = FrameSource(films, 800, torch.device("cpu")).draw(torch.Generator().manual_seed(0))
    values = (pixels[:, 0, 0, 0] + 1) * 127.5
    shares = [(values.round() == n).float().mean().item() for n in (1, 2, 5)]
    assert shares == pytest.approx([1 / 8, 2 / 8, 5 / 8], abs=0.06)


def test_frames_stay_on_disk_until_they_are_drawn(tmp_path: Path) -> None:
    np.save(tmp_path / "film.npy", _pictures(8))
    film = np.load(tmp_path / "film.npy", mmap_mode="r")
    source = FrameSource([film], 2, torch.device("cpu"))
    assert isinstance(source._videos[0], np.memmap)
    assert source.draw(torch.Generator().manual_seed(0)).shape == (2, 3, 16, 16)
    assert len(sample_evenly([film], 4)) == 4
