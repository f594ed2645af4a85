"""The objective of the discrete tokenizer. Rounding bounds its latents, so pictures are all that is
asked of it.
"""

import torch

from model.tokenizer.fsq import FSQ, codebook_use
from training.device import autocast_convolutions
from training.objectives.objective import Losses
from training.tokenizer.frames import FrameSource
from training.tokenizer.losses.picture_loss import PictureLoss


class DiscreteReconstruction:
    """Pictures back as they were, through codes. `perplexity` of a batch is logged: a codebook of
    which little is used is a smaller one."""

    def __init__(self, fsq: FSQ, frames: FrameSource, picture_loss: PictureLoss) -> None:
        self._fsq = fsq
        self._frames = frames
        self._picture_loss = picture_loss

    def __call__(self, generator: torch.Generator, step: int) -> Losses:
        pixels = self._frames.draw(generator)
        with autocast_convolutions(pixels.device):
            latents = self._fsq.encode(pixels)
            rebuilt = self._fsq.decode(latents)
        codes = self._fsq.codes_of(latents.detach().float())
        use = codebook_use(codes, self._fsq.config.codebook_size)
        losses = self._picture_loss(rebuilt.float(), pixels)
        return losses | {"perplexity": torch.tensor(use.perplexity)}
