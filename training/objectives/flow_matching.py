"""Flow matching with an independent noise level per frame (NFD, arXiv 2506.01380), in TrigFlow
coordinates: one pass trains every frame of a clip.

Shape letters: B clips, F frames, C h w latent channels, rows, columns.
"""

import torch
from torch import Tensor

from model.nfd.transformer import NFDTransformer
from model.sampling.trigflow import diffuse
from training.data.latents import ClipSource
from training.device import autocast
from training.objectives.guidance import drop_actions
from training.objectives.history import History
from training.objectives.noise import FrameTimes
from training.objectives.objective import Losses
from training.objectives.prediction import predict
from training.recipes.settings.noise import NoiseMixture

PURE_FROM_T = 1.57


class FlowMatching:
    """The teacher's objective: sin^2 t || F(x_t, t, actions) - (cos t z - sin t x0) ||^2.

    The weight makes it the error of the implied clean frame. Unweighted, the nearly clean frames
    drown the rest: nobody can guess so little noise, so their error stays near 1 and is all
    variance, and a small run learns to copy before it ever learns what the actions do.
    """

    def __init__(
        self,
        transformer: NFDTransformer,
        clips: ClipSource,
        mixture: NoiseMixture,
        history: History | None = None,
        *,
        action_dropout: float = 0.0,
    ) -> None:
        """`clips` are longer than the trained window by the history's lead; without a history the
        true frames are the context. `action_dropout`: share of the clips without actions."""
        self._transformer = transformer
        self._clips = clips
        self._times = FrameTimes(mixture)
        self._history = history or History(transformer, mixture)
        self._action_dropout = action_dropout

    def __call__(self, generator: torch.Generator, step: int) -> Losses:
        clips = self._clips.draw(generator)
        batch, num_frames = clips.latents_BFChw.shape[:2]
        t_BF = self._times.draw((batch, num_frames - self._history.num_lead), generator)
        shown = self._history.show(clips, t_BF, generator)
        clean = shown.truth_BFChw
        noise = torch.randn(clean.shape, generator=generator, device=clean.device)
        noisy = diffuse(shown.latents_BFChw, noise, t_BF)
        actions = shown.actions_BFA
        if self._action_dropout:
            size = self._transformer.config.action_size
            actions = drop_actions(actions, size, self._action_dropout, generator)
        with autocast(clean.device):
            direction = predict(self._transformer, noisy, t_BF, actions, shown.hidden_BF)
        target = direction_target(clean, noise, t_BF)
        error_BF = (direction.float() - target).square().mean(dim=(2, 3, 4))
        clean_error_BF = t_BF.sin().square() * error_BF * shown.taught_BF
        is_pure = (t_BF > PURE_FROM_T).float()
        pure = (error_BF * is_pure).sum() / is_pure.sum().clamp(min=1.0)
        return {"loss": clean_error_BF.mean(), "pure_noise": pure}


def direction_target(clean: Tensor, noise: Tensor, t_BF: Tensor) -> Tensor:
    """cos t z - sin t x0, what the network is to predict."""
    t = t_BF[:, :, None, None, None]
    return t.cos() * noise - t.sin() * clean
