"""What a frame costs by arithmetic: floating-point operations and bytes. No clock, no measurement.

Letters: L layers, P tokens per frame, D width, W frames seen (the frame itself included).
"""

from dataclasses import dataclass
from functools import cache

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from model.nfd.transformer import NFDConfig, NFDTransformer
from model.place.map import PlaceMap
from model.presets import Preset
from model.tokenizer.vae import VAE, VAEConfig

BF16_BYTES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PassCost:
    """A row of a pass: a frame at a denoise step, or a frame being cached."""

    linear_flop: int
    attention_flop: int

    @property
    def flop(self) -> int:
        return self.linear_flop + self.attention_flop


def pass_cost(nfd: NFDConfig, frames_seen: int) -> PassCost:
    """12 D^2 weights a layer meet every token; each token meets W * P keys and values. Work per
    frame (conditioning, modulation) and work per channel are below a percent."""
    tokens, width = nfd.tokens_per_frame, nfd.width
    weights = (4 + 2 * nfd.mlp_ratio) * width**2
    return PassCost(
        linear_flop=2 * nfd.num_layers * tokens * weights,
        attention_flop=4 * nfd.num_layers * tokens * frames_seen * tokens * width,
    )


def frame_flop(preset: Preset, *, num_steps: int, frames_seen: int) -> int:
    """Operations that a further session adds to a frame: every denoise step, the caching, the
    decoder, and in a world with a place the map's view."""
    passes = (num_steps + 1) * pass_cost(preset.nfd, frames_seen).flop
    decode = decode_flop(preset.vae, preset.height, preset.width)
    return passes + decode + view_flop(preset.nfd)


@cache
def view_flop(nfd: NFDConfig) -> int:
    """Operations of a state's view, counted on a map without numbers; 0 in a world without a place.
    A view is kept from a frame's first pass until the frame is cached."""
    if nfd.place is None:
        return 0
    with torch.device("meta"):
        place = PlaceMap(nfd.place, nfd.latent_channels, nfd.grid_height, nfd.grid_width)
        states = torch.zeros(1, nfd.place.state_size)
    with FlopCounterMode(display=False) as counter:
        place(states)
    return int(counter.get_total_flops())


@cache
def decode_flop(vae: VAEConfig, height: int, width: int) -> int:
    """Of one frame, counted on a decoder without numbers."""
    with torch.device("meta"):
        decoder = VAE(vae)
        grid = (height // vae.compression, width // vae.compression)
        latents = torch.zeros(1, vae.latent_channels, *grid)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        decoder.decode(latents)
    return int(counter.get_total_flops())


def kv_bytes(nfd: NFDConfig, frames_seen: int) -> int:
    """Keys and values of one session, in bf16."""
    per_frame = 2 * nfd.num_layers * nfd.tokens_per_frame * nfd.width * BF16_BYTES
    return frames_seen * per_frame


def weight_bytes(nfd: NFDConfig) -> int:
    """Of the transformer, in bf16."""
    return num_parameters(nfd) * BF16_BYTES


@cache
def num_parameters(nfd: NFDConfig) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in NFDTransformer(nfd).parameters())
