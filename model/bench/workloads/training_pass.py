"""A teacher's training pass over clips as long as the window, forward and backward, in two forms:
fp32 under the block-causal mask, and bf16 with attention in groups of frames."""

import time
from collections.abc import Callable, Mapping
from copy import deepcopy

import torch

from model.attention.backend import Attend, MaskedAttention
from model.attention.grouped import GroupedAttention
from model.nfd.transformer import PURE_NOISE_T, Previous
from model.world import World

NUM_CLIPS = 2


class TrainingPass:
    """Owns a copy of the world's transformer and fixed random clips on `device`."""

    def __init__(self, world: World, device: torch.device) -> None:
        self._transformer = deepcopy(world.transformer).to(device).requires_grad_(True)
        config = world.spec.nfd
        generator = torch.Generator().manual_seed(0)
        shape = (NUM_CLIPS, config.window)
        cell = (config.latent_channels, config.grid_height, config.grid_width)
        self._x_BFChw = torch.randn(*shape, *cell, generator=generator).to(device)
        self._t_BF = torch.rand(shape, generator=generator).to(device) * PURE_NOISE_T
        self._actions_BFA = torch.zeros(*shape, config.action_size, device=device)

    def forms(self) -> Mapping[str, Callable[[], float]]:
        """Seconds of one pass, by form."""
        return {"training, fp32": self._masked_fp32_s, "training, bf16": self._grouped_bf16_s}

    def _masked_fp32_s(self) -> float:
        return self._pass_s(MaskedAttention)

    def _grouped_bf16_s(self) -> float:
        with torch.autocast(self._x_BFChw.device.type, torch.bfloat16):
            return self._pass_s(GroupedAttention)

    def _pass_s(self, attention: Callable[[int, int, int, torch.Tensor], Attend]) -> float:
        config, x_BFChw = self._transformer.config, self._x_BFChw
        positions_1F = torch.arange(config.window, device=x_BFChw.device)[None]
        started = time.perf_counter()
        attend = attention(config.window, config.tokens_per_frame, config.window, x_BFChw)
        direction_BFChw = self._transformer(
            x_BFChw, self._t_BF, self._actions_BFA, positions_1F, Previous.absent(x_BFChw), attend
        )
        direction_BFChw.float().square().mean().backward()
        if x_BFChw.device.type == "cuda":
            torch.cuda.synchronize()
        self._transformer.zero_grad(set_to_none=True)
        return time.perf_counter() - started
