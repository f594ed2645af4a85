"""The network plays on by itself from real play, as it will when it is served: the same cache, the
same window, the same small noise on what it has drawn. Knows no loss.

Shape letters: B clips, F frames, L of them in the lead, C h w latent channels, rows, columns,
A action size.
"""

from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from model.cache.attend import PagedAttention
from model.cache.kv_store import KVStore
from model.cache.page_table import PageTable
from model.context.sliding_window import SlidingWindow
from model.nfd.transformer import NFDTransformer, Previous
from model.sampling.sampler import make_sampler
from model.sampling.trigflow import diffuse
from model.world import SamplerSpec


class Rollout:
    """Draws clips frame by frame, in lockstep, with `num_steps` denoise steps as `sampler` has
    them. No gradient passes through."""

    def __init__(self, transformer: NFDTransformer, sampler: SamplerSpec, num_steps: int) -> None:
        self._transformer = transformer
        self._sampler = make_sampler(sampler.kind)
        self._times = (*sampler.times[num_steps], 0.0)
        self._context_t = sampler.context_t

    @torch.no_grad()
    def __call__(
        self, lead_BLChw: Tensor, actions_BFA: Tensor, generator: torch.Generator
    ) -> Tensor:
        """The lead, at least one frame, and what it draws after it under the actions that the lead
        leaves: (B, F, C, h, w)."""
        # Compiled blocks would be compiled anew for each pass: it has its own place in the cache.
        with torch.compiler.set_stance("force_eager"):
            return self._play(lead_BLChw, actions_BFA, generator)

    def _play(self, lead_BLChw: Tensor, actions_BFA: Tensor, generator: torch.Generator) -> Tensor:
        past = _Past(self._transformer, like=lead_BLChw)
        frames = list(lead_BLChw.unbind(1))
        for frame, action_BA in enumerate(actions_BFA.unbind(1)):
            if frame == len(frames):
                frames.append(self._draw(past, action_BA, generator))
            noise_BChw = _noise_like(frames[frame], generator)
            t_B = past.all_at(self._context_t)
            past.remember(diffuse(frames[frame], noise_BChw, t_B), t_B, action_BA)
        return torch.stack(frames, dim=1)

    def _draw(self, past: "_Past", action_BA: Tensor, generator: torch.Generator) -> Tensor:
        x_BChw = _noise_like(past.newest.x_BChw, generator)
        draw = partial(_noise_like, x_BChw, generator)
        for t, next_t in pairwise(self._times):
            t_B, next_t_B = past.all_at(t), past.all_at(next_t)
            direction_BChw = past.meet(x_BChw, t_B, action_BA)
            x_BChw = self._sampler.advance(x_BChw, direction_BChw, t_B, next_t_B, draw)
        return x_BChw


class _Past:
    """Owns what the next frame sees: the cache, and the frame just before it."""

    def __init__(self, transformer: NFDTransformer, *, like: Tensor) -> None:
        config, batch = transformer.config, len(like)
        self._transformer = transformer
        self._store = KVStore(config, num_slots=batch, pages_per_slot=config.window, like=like)
        policy = SlidingWindow(config.window - 1)
        self._tables = [PageTable(policy, slot, [0]) for slot in range(batch)]
        self._placements = [table.given()[0] for table in self._tables]
        self.newest = Previous.absent(like)

    def all_at(self, t: float) -> Tensor:
        return torch.full_like(self.newest.t_B, t)

    def meet(self, x_BChw: Tensor, t_B: Tensor, action_BA: Tensor) -> Tensor:
        """The direction (B, C, h, w) of the next frame, which sees the past and itself."""
        frame_idx = self._placements[0].frame_idx
        direction_B1Chw: Tensor = self._transformer(
            x_BChw[:, None],
            t_B[:, None],
            action_BA[:, None],
            torch.tensor([[frame_idx]], device=x_BChw.device),
            self.newest,
            PagedAttention(self._store, self._placements, self._transformer.rope),
        )
        return direction_B1Chw[:, 0].float()

    def remember(self, x_BChw: Tensor, t_B: Tensor, action_BA: Tensor) -> None:
        """The next frame, as a context holds it, is past."""
        self.meet(x_BChw, t_B, action_BA)
        for table, placement in zip(self._tables, self._placements, strict=True):
            if placement.frame_idx > 0:  # the first is there from the start
                table.append(placement)
        self._placements = [table.placement for table in self._tables]
        self.newest = Previous(x_BChw, t_B)


def _noise_like(x: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(x.shape, generator=generator, device=x.device)
