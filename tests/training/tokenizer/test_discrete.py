"""The discrete tokenizer learns pictures, and uses its codebook without being told to."""

import numpy as np
import torch

from model.tokenizer.fsq import FSQ, FSQConfig, codebook_use
from model.tokenizer.vae import VAEConfig
from training.loop.optimizers import vae_optimizers
from training.recipes.settings.picture import PictureWeights
from training.tokenizer.discrete import DiscreteReconstruction
from training.tokenizer.frames import FrameSource
from training.tokenizer.losses.colours import RareColours
from training.tokenizer.losses.picture_loss import PictureLoss


def test_pictures_come_back_through_many_different_codes() -> None:
    torch.manual_seed(0)
    convs = VAEConfig(
        latent_channels=3, patch=4, encoder_widths=(16, 32), decoder_widths=(16, 32), num_blocks=1
    )
    fsq = FSQ(FSQConfig(levels=(5, 5, 5), convs=convs))
    colours = np.random.default_rng(0).integers(0, 256, (64, 2, 2, 3), dtype=np.uint8)
    film = colours.repeat(8, 1).repeat(8, 2)
    weights = PictureWeights(gradient=0.0, texture=0.0)
    loss = PictureLoss(weights, RareColours.of(film))
    frames = FrameSource([film], 16, torch.device("cpu"))
    objective = DiscreteReconstruction(fsq, frames, loss)
    [optimizer] = vae_optimizers(fsq, lr=4e-3)
    generator = torch.Generator().manual_seed(0)
    first = objective(generator, 0)
    for step in range(120):
        objective(generator, step)["loss"].backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
    last = objective(generator, 120)
    assert last["l1"] < 0.4 * first["l1"]

    with torch.no_grad():
        codes = fsq.codes_of(fsq.encode(frames.draw(generator)))
    # 64 cells of 64 random colours: at least a third of them have codes of their own.
    assert codebook_use(codes, 125).perplexity > 20
