"""The teacher's objective on frames as they are served: each drawn from noise, after a clean past.
`FlowMatching` gives every frame of a clip a noise level of its own, so that few noisy frames have a
whole window of clean context; here all of them do, at the price of a second pass over the clip.

Shape letters: B clips, F frames, D drawn frames (the last of a clip), M = B * D, C h w latent
channels, rows, columns, A numbers told.
"""

import torch
from torch import Tensor

from model.action_space import ActionSpace
from model.attention.skip_causal import AfterCleanPast, CleanPast
from model.nfd.transformer import PURE_NOISE_T, NFDTransformer, Previous
from model.sampling.trigflow import diffuse, estimate_clean
from training.data.latents import ClipSource
from training.data.presses import presses
from training.device import autocast
from training.objectives.flow_matching import PURE_FROM_T, direction_target
from training.objectives.guidance import drop_actions
from training.objectives.noise import FrameTimes
from training.objectives.objective import Losses
from training.recipes.recipe import AsServedRecipe
from training.recipes.settings.noise import NoiseMixture


class AsServed:
    """sin^2 t || F(x_t, t, actions | clean past) - (cos t z - sin t x0) ||^2, the mean over drawn
    frames weighted by presses."""

    def __init__(
        self,
        transformer: NFDTransformer,
        clips: ClipSource,
        mixture: NoiseMixture,
        settings: AsServedRecipe,
        action_space: ActionSpace,
        *,
        action_dropout: float = 0.0,
    ) -> None:
        """`mixture`: the noise of drawn frames, and the most noise that a past frame holds."""
        self._transformer = transformer
        self._clips = clips
        self._times = FrameTimes(mixture)
        self._settings = settings
        self._action_space = action_space
        self._action_dropout = action_dropout

    def __call__(self, generator: torch.Generator, step: int) -> Losses:
        settings = self._settings
        clips = self._clips.draw(generator)
        truth_BDChw = clips.latents_BFChw[:, settings.num_past :]
        assert truth_BDChw.shape[1], "clips must be longer than their past"
        told_BFA = drop_actions(
            clips.actions_BFA, self._transformer.config.action_size, self._action_dropout, generator
        )
        shown_BFChw = clips.latents_BFChw
        if settings.own_every and step % settings.own_every == 1 % settings.own_every:
            shown_BFChw = self._with_own(shown_BFChw, told_BFA, generator)
        past = ServedPast(self._transformer, shown_BFChw, told_BFA, self._times, generator)
        t_BD = self._times.draw_noisy((len(truth_BDChw), truth_BDChw.shape[1]), generator)
        noise_BDChw = _noise_like(truth_BDChw, generator)
        direction_BDChw = past.directions(diffuse(truth_BDChw, noise_BDChw, t_BD), t_BD)
        target_BDChw = direction_target(truth_BDChw, noise_BDChw, t_BD)
        error_BD = (direction_BDChw - target_BDChw).square().mean(dim=(2, 3, 4))
        weight_BD = self._weights(clips.actions_BFA)
        is_pure_BD = (t_BD > PURE_FROM_T).float()
        pure = (error_BD * is_pure_BD).sum() / is_pure_BD.sum().clamp(min=1.0)
        loss = (t_BD.sin().square() * error_BD * weight_BD).sum() / weight_BD.sum()
        return {"loss": loss, "pure_noise": pure}

    @torch.no_grad()
    def _with_own(
        self, clean_BFChw: Tensor, told_BFA: Tensor, generator: torch.Generator
    ) -> Tensor:
        """The clips, with a share of the drawn frames as the network draws them in one call."""
        past = ServedPast(self._transformer, clean_BFChw, told_BFA, self._times, generator)
        truth_BDChw = clean_BFChw[:, self._settings.num_past :]
        noise_BDChw = _noise_like(truth_BDChw, generator)
        t_BD = torch.full(truth_BDChw.shape[:2], PURE_NOISE_T, device=truth_BDChw.device)
        own_BDChw = estimate_clean(noise_BDChw, past.directions(noise_BDChw, t_BD), t_BD)
        drawn_BD = torch.rand(t_BD.shape, generator=generator, device=t_BD.device)
        is_own_BD = drawn_BD < self._settings.own_share
        mixed_BDChw = torch.where(is_own_BD[:, :, None, None, None], own_BDChw, truth_BDChw)
        return torch.cat((clean_BFChw[:, : self._settings.num_past], mixed_BDChw), dim=1)

    def _weights(self, told_BFA: Tensor) -> Tensor:
        space = self._action_space
        pressed_BFB = presses(told_BFA, len(space.model_buttons), tells_presses=space.tells_presses)
        is_press_BD = pressed_BFB.any(dim=-1)[:, self._settings.num_past :]
        return torch.where(is_press_BD, self._settings.press_weight, 1.0)


class ServedPast:
    """Clips as a context holds them: slightly noised, their keys and values computed."""

    def __init__(
        self,
        transformer: NFDTransformer,
        clean_BFChw: Tensor,
        told_BFA: Tensor,
        times: FrameTimes,
        generator: torch.Generator,
    ) -> None:
        self._transformer = transformer
        self._told_BFA = told_BFA
        batch, num_frames = clean_BFChw.shape[:2]
        self._t_BF = times.draw_context((batch, num_frames), generator)
        self._x_BFChw = diffuse(clean_BFChw, _noise_like(clean_BFChw, generator), self._t_BF)
        config = transformer.config
        positions = torch.arange(num_frames, device=clean_BFChw.device)[None]
        with autocast(clean_BFChw.device):
            self._past = CleanPast(num_frames, config.tokens_per_frame, config.window, clean_BFChw)
            transformer(
                self._x_BFChw,
                self._t_BF,
                told_BFA,
                positions,
                Previous.absent(clean_BFChw),
                self._past,
            )

    def directions(self, noisy_BDChw: Tensor, t_BD: Tensor) -> Tensor:
        """(B, D, C, h, w) in fp32, for the last D frames of the clips, each after its past."""
        batch, num_drawn = t_BD.shape
        num_frames = self._t_BF.shape[1]
        frames = range(num_frames - num_drawn, num_frames)
        before = slice(frames.start - 1, num_frames - 1)
        previous = Previous(self._x_BFChw[:, before].flatten(0, 1), self._t_BF[:, before].flatten())
        positions_M1 = torch.tensor(frames, device=t_BD.device).repeat(batch)[:, None]
        with autocast(noisy_BDChw.device):
            direction_M1Chw: Tensor = self._transformer(
                noisy_BDChw.flatten(0, 1)[:, None],
                t_BD.flatten()[:, None],
                self._told_BFA[:, frames.start :].flatten(0, 1)[:, None],
                positions_M1,
                previous,
                AfterCleanPast(self._past, frames),
            )
        return direction_M1Chw.float().view(noisy_BDChw.shape)


def _noise_like(x: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(x.shape, generator=generator, device=x.device)
