"""The engine as a loop: a single session, no cache, no batch. The reference in tests, the naive
form in the benchmark.

Shape letters: F frames, C h w latent channels, rows, columns, A action size.
"""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from model.attention.backend import MaskedAttention
from model.cache.frame_store import ContextClip
from model.engine.types import ActionVector
from model.nfd.transformer import Previous
from model.sampling.noise import CONTEXT_STEP, draw_noise
from model.sampling.sampler import make_sampler
from model.sampling.trigflow import diffuse
from model.world import World


class ReferenceSession:
    """Recomputes all kept frames in every pass, under the block-causal mask.

    With all frames since the opening, the result equals the cached engine's: cached keys were
    computed from frames that have left the window since. With the frames of a window only, the
    session is the naive form without a cache.
    """

    def __init__(
        self,
        world: World,
        clip: ContextClip,
        frame_idxs: Sequence[int],
        *,
        seed: int,
        max_frames: int | None = None,
    ) -> None:
        self._world = world
        self._sampler = make_sampler(world.spec.sampler.kind)
        self._seed = seed
        self._frame_idxs = list(frame_idxs)
        self.context = clip
        self._max_frames = max_frames

    @torch.inference_mode()
    def step(self, action: ActionVector, num_steps: int) -> Tensor:
        """Clean latents (C, h, w) of the next frame."""
        spec = self._world.spec.sampler
        self._frame_idxs.append(self._frame_idxs[-1] + 1)
        x_Chw = self._draw(0)
        times = (*spec.times[num_steps], 0.0)
        for denoise_step, (t, next_t) in enumerate(pairwise(times), start=1):
            direction_FChw = self._predict(self._with_frame(x_Chw, t, action))
            x_1Chw = self._sampler.advance(
                x_Chw[None],
                direction_FChw[-1:],
                torch.tensor([t]),
                torch.tensor([next_t]),
                partial(self._draw, denoise_step),
            )
            x_Chw = x_1Chw[0]
        noisy_Chw = diffuse(x_Chw, self._draw(CONTEXT_STEP), torch.tensor(spec.context_t))
        self.context = self._with_frame(noisy_Chw, spec.context_t, action)
        self._forget()
        return x_Chw

    def _predict(self, clip: ContextClip) -> Tensor:
        """Directions (F, C, h, w) of all frames, the newest among them."""
        config = self._world.spec.nfd
        latents_BFChw = clip.latents_FChw[None]
        attend = MaskedAttention(len(clip), config.tokens_per_frame, config.window, latents_BFChw)
        directions_BFChw: Tensor = self._world.transformer(
            latents_BFChw,
            clip.t_F[None],
            clip.actions_FA[None],
            torch.tensor([self._frame_idxs]),
            Previous.absent(latents_BFChw),
            attend,
        )
        return directions_BFChw[0]

    def _with_frame(self, x_Chw: Tensor, t: float, action: ActionVector) -> ContextClip:
        return ContextClip(
            latents_FChw=torch.cat((self.context.latents_FChw, x_Chw[None])),
            t_F=torch.cat((self.context.t_F, torch.tensor([t]))),
            actions_FA=torch.cat((self.context.actions_FA, torch.tensor([action]))),
        )

    def _forget(self) -> None:
        if self._max_frames is None or len(self.context) <= self._max_frames:
            return
        newest = slice(-self._max_frames, None)
        self._frame_idxs = self._frame_idxs[newest]
        self.context = ContextClip(
            latents_FChw=self.context.latents_FChw[newest],
            t_F=self.context.t_F[newest],
            actions_FA=self.context.actions_FA[newest],
        )

    def _draw(self, denoise_step: int) -> Tensor:
        shape = self.context.latents_FChw.shape[1:]
        return draw_noise(
            shape, seed=self._seed, frame_idx=self._frame_idxs[-1], denoise_step=denoise_step
        )
