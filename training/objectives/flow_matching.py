"""Flow matching with an independent noise level per frame (NFD, arXiv 2506.01380), in TrigFlow
coordinates: one pass trains every frame of a clip.

Shape letters: B clips, F frames, C h w latent channels, rows, columns.
"""

import torch
from torch import Tensor

from model.attention.backend import MaskedAttention
from model.nfd.transformer import NFDTransformer, Previous
from model.sampling.trigflow import diffuse
from training.data.latents import ClipSource
from training.device import autocast
from training.objectives.noise import NoiseMixture
from training.trainer import Losses

PURE_FROM_T = 1.57


class FlowMatching:
    """The teacher's objective: sin^2 t || F(x_t, t, actions) - (cos t z - sin t x0) ||^2.

    The weight makes it the error of the implied clean frame. Unweighted, the nearly clean frames
    drown the rest: nobody can guess so little noise, so their error stays near 1 and is all
    variance, and a small run learns to copy before it ever learns what the actions do.
    """

    def __init__(
        self, transformer: NFDTransformer, clips: ClipSource, mixture: NoiseMixture
    ) -> None:
        self._transformer = transformer
        self._clips = clips
        self._mixture = mixture

    def __call__(self, generator: torch.Generator, step: int) -> Losses:
        clips = self._clips.draw(generator)
        clean = clips.latents_BFChw
        t_BF = self._mixture.draw((clean.shape[0], clean.shape[1]), generator)
        noise = torch.randn(clean.shape, generator=generator, device=clean.device)
        noisy = diffuse(clean, noise, t_BF)
        with autocast(clean.device):
            direction = predict(self._transformer, noisy, t_BF, clips.actions_BFA)
        target = direction_target(clean, noise, t_BF)
        error_BF = (direction.float() - target).square().mean(dim=(2, 3, 4))
        clean_error_BF = t_BF.sin().square() * error_BF
        is_pure = (t_BF > PURE_FROM_T).float()
        pure = (error_BF * is_pure).sum() / is_pure.sum().clamp(min=1.0)
        return {"loss": clean_error_BF.mean(), "pure_noise": pure}


def predict(
    transformer: NFDTransformer, noisy_BFChw: Tensor, t_BF: Tensor, actions_BFA: Tensor
) -> Tensor:
    """The direction for every frame of whole clips, in one masked pass."""
    config = transformer.config
    num_frames = noisy_BFChw.shape[1]
    attend = MaskedAttention(num_frames, config.tokens_per_frame, config.window, noisy_BFChw)
    positions = torch.arange(num_frames, device=noisy_BFChw.device)[None]
    direction: Tensor = transformer(
        noisy_BFChw, t_BF, actions_BFA, positions, Previous.absent(noisy_BFChw), attend
    )
    return direction


def direction_target(clean: Tensor, noise: Tensor, t_BF: Tensor) -> Tensor:
    """cos t z - sin t x0, what the network is to predict."""
    t = t_BF[:, :, None, None, None]
    return t.cos() * noise - t.sin() * clean
