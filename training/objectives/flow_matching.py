"""Flow matching with an independent noise level per frame (NFD, arXiv 2506.01380), in TrigFlow
coordinates: one pass trains every frame of a clip.

Shape letters: B clips, F frames, C h w latent channels, rows, columns.
"""

import torch
from torch import Tensor

from model.attention.by_frame import clip_attention
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

    `chain_share` of the context-like frames are shown as the network's own guesses of them, made
    in one call, instead of the truth: when a world is played there is no truth in the context, and
    a network that has never seen its own faults adds to them frame by frame.
    """

    def __init__(
        self,
        transformer: NFDTransformer,
        clips: ClipSource,
        mixture: NoiseMixture,
        chain_share: float = 0.0,
    ) -> None:
        self._transformer = transformer
        self._clips = clips
        self._mixture = mixture
        self._chain_share = chain_share

    def __call__(self, generator: torch.Generator, step: int) -> Losses:
        clips = self._clips.draw(generator)
        clean = clips.latents_BFChw
        t_BF = self._mixture.draw((clean.shape[0], clean.shape[1]), generator)
        noise = torch.randn(clean.shape, generator=generator, device=clean.device)
        is_guess_BF = torch.zeros_like(t_BF, dtype=torch.bool)
        shown = clean
        if self._chain_share > 0.0:
            is_context_BF = t_BF <= self._mixture.context_max_t
            chance_BF = torch.rand(t_BF.shape, generator=generator, device=t_BF.device)
            is_guess_BF = is_context_BF & (chance_BF < self._chain_share)
            guesses = self._guess(clean, clips.actions_BFA, generator)
            shown = torch.where(is_guess_BF[:, :, None, None, None], guesses, clean)
        noisy = diffuse(shown, noise, t_BF)
        with autocast(clean.device):
            direction = predict(self._transformer, noisy, t_BF, clips.actions_BFA)
        target = direction_target(clean, noise, t_BF)
        error_BF = (direction.float() - target).square().mean(dim=(2, 3, 4))
        clean_error_BF = t_BF.sin().square() * error_BF * ~is_guess_BF  # a guess has no such target
        is_pure = (t_BF > PURE_FROM_T).float()
        pure = (error_BF * is_pure).sum() / is_pure.sum().clamp(min=1.0)
        return {"loss": clean_error_BF.mean(), "pure_noise": pure}

    @torch.no_grad()
    def _guess(self, clean: Tensor, actions_BFA: Tensor, generator: torch.Generator) -> Tensor:
        """Every frame as one call of the network sees it, from a noise of its own."""
        t_BF = self._mixture.draw((clean.shape[0], clean.shape[1]), generator)
        noise = torch.randn(clean.shape, generator=generator, device=clean.device)
        noisy = diffuse(clean, noise, t_BF)
        with autocast(clean.device):
            direction = predict(self._transformer, noisy, t_BF, actions_BFA)
        t = t_BF[:, :, None, None, None]
        return t.cos() * noisy - t.sin() * direction.float()


def predict(
    transformer: NFDTransformer, noisy_BFChw: Tensor, t_BF: Tensor, actions_BFA: Tensor
) -> Tensor:
    """The direction for every frame of whole clips, in one pass."""
    config = transformer.config
    num_frames = noisy_BFChw.shape[1]
    attend = clip_attention(num_frames, config.tokens_per_frame, config.window, noisy_BFChw)
    positions = torch.arange(num_frames, device=noisy_BFChw.device)[None]
    direction: Tensor = transformer(
        noisy_BFChw, t_BF, actions_BFA, positions, Previous.absent(noisy_BFChw), attend
    )
    return direction


def direction_target(clean: Tensor, noise: Tensor, t_BF: Tensor) -> Tensor:
    """cos t z - sin t x0, what the network is to predict."""
    t = t_BF[:, :, None, None, None]
    return t.cos() * noise - t.sin() * clean
