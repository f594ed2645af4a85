"""Rollouts of the network in training, as in the served world: the same cache, the same window, the
same small noise on generated frames. Knows no loss.

Shape letters: B clips, F frames, L lead frames, C h w latent channels, rows, columns, A action
size.
"""

from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from model.cache.attend import PagedAttention
from model.cache.kv_cache import KVCache
from model.cache.page_table import PageTable
from model.context.sliding_window import SlidingWindow
from model.nfd.transformer import NFDTransformer, Previous
from model.sampling.sampler import make_sampler
from model.sampling.trigflow import diffuse
from model.world import SamplerSpec


class Rollout:
    """Generates clips frame by frame, in lockstep, with `num_steps` of the sampler's denoise steps.
    No gradient passes through."""

    def __init__(self, transformer: NFDTransformer, sampler: SamplerSpec, num_steps: int) -> None:
        self._transformer = transformer
        self._sampler = make_sampler(sampler.kind)
        self._times = (*sampler.times[num_steps], 0.0)
        self._context_t = sampler.context_t

    @torch.no_grad()
    def __call__(
        self, lead_BLChw: Tensor, actions_BFA: Tensor, generator: torch.Generator
    ) -> Tensor:
        """The lead (at least one frame) and the frames generated after the lead under the remaining
        actions: (B, F, C, h, w)."""
        # Compiled blocks would be compiled anew for each pass: it has its own place in the cache.
        with torch.compiler.set_stance("force_eager"):
            return self._play(lead_BLChw, actions_BFA, generator)

    def _play(self, lead_BLChw: Tensor, actions_BFA: Tensor, generator: torch.Generator) -> Tensor:
        num_lead = lead_BLChw.shape[1]
        frames = list(lead_BLChw.unbind(1))
        t_B = lead_BLChw.new_full((len(lead_BLChw),), self._context_t)
        seen = [diffuse(frame, _noise_like(frame, generator), t_B) for frame in frames]
        past = _Past(
            self._transformer, torch.stack(seen, dim=1), self._context_t, actions_BFA[:, :num_lead]
        )
        for action_BA in actions_BFA[:, num_lead:].unbind(1):
            frame = self._draw(past, action_BA, frames[-1], generator)
            past.remember(diffuse(frame, _noise_like(frame, generator), t_B), t_B, action_BA)
            frames.append(frame)
        return torch.stack(frames, dim=1)

    def _draw(
        self, past: "_Past", action_BA: Tensor, like_BChw: Tensor, generator: torch.Generator
    ) -> Tensor:
        x_BChw = _noise_like(like_BChw, generator)
        draw = partial(_noise_like, x_BChw, generator)
        for t, next_t in pairwise(self._times):
            t_B, next_t_B = (x_BChw.new_full((len(x_BChw),), time) for time in (t, next_t))
            direction_BChw = past.meet(x_BChw, t_B, action_BA)
            x_BChw = self._sampler.advance(x_BChw, direction_BChw, t_B, next_t_B, draw)
        return x_BChw


class _Past:
    """Owns the cache and the previous frame."""

    def __init__(
        self, transformer: NFDTransformer, lead_BLChw: Tensor, t: float, actions_BLA: Tensor
    ) -> None:
        """Prefills the cache with the last frames of the lead, noised as context, one batch row per
        frame."""
        config = transformer.config
        policy = SlidingWindow(config.window - 1)
        lead_BLChw = lead_BLChw[:, -policy.max_frames :]
        actions_BLA = actions_BLA[:, -policy.max_frames :]
        batch, length = lead_BLChw.shape[:2]
        self._transformer = transformer
        self._store = KVCache(
            config, num_slots=batch, pages_per_slot=config.window, like=lead_BLChw
        )
        self._tables = [PageTable(policy, slot, range(length)) for slot in range(batch)]
        absent = Previous.absent(lead_BLChw)
        before_BLChw = torch.cat((absent.x_BChw[:, None], lead_BLChw[:, :-1]), dim=1)
        t_BL = lead_BLChw.new_full((batch, length), t)
        before_t_BL = torch.cat((absent.t_B[:, None], t_BL[:, :-1]), dim=1)
        self._placements = [where for table in self._tables for where in table.given()]
        self._newest = Previous(before_BLChw.flatten(0, 1), before_t_BL.flatten())
        self.meet(lead_BLChw.flatten(0, 1), t_BL.flatten(), actions_BLA.flatten(0, 1))
        self._look_on(lead_BLChw[:, -1], t_BL[:, -1])

    def meet(self, x_BChw: Tensor, t_B: Tensor, action_BA: Tensor) -> Tensor:
        """The direction (B, C, h, w) of the next frame, which attends to the past and to itself."""
        positions_B1 = [[where.frame_idx] for where in self._placements]
        direction_B1Chw: Tensor = self._transformer(
            x_BChw[:, None],
            t_B[:, None],
            action_BA[:, None],
            torch.tensor(positions_B1, device=x_BChw.device),
            self._newest,
            PagedAttention(self._store, self._placements, self._transformer.rope),
        )
        return direction_B1Chw[:, 0].float()

    def remember(self, x_BChw: Tensor, t_B: Tensor, action_BA: Tensor) -> None:
        """Appends the next frame, noised as context, to the cache."""
        self.meet(x_BChw, t_B, action_BA)
        for table, placement in zip(self._tables, self._placements, strict=True):
            table.append(placement)
        self._look_on(x_BChw, t_B)

    def _look_on(self, newest_BChw: Tensor, t_B: Tensor) -> None:
        self._placements = [table.placement for table in self._tables]
        self._newest = Previous(newest_BChw, t_B)


def _noise_like(x: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(x.shape, generator=generator, device=x.device)
