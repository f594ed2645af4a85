"""A transformer that says something and clips of noise, small enough for closed forms."""

import torch

from model.nfd.transformer import NFDConfig, NFDTransformer
from model.sampling.schedule import uniform_times
from model.world import SamplerSpec
from training.data.latents import ClipSource, LatentRecording

CONFIG = NFDConfig(
    latent_channels=3, grid_height=2, grid_width=2, width=32, num_layers=2, num_heads=2,
    action_size=2, window=4, concat_previous=True,
)  # fmt: skip

SAMPLER = SamplerSpec(kind="euler", times={2: uniform_times(2)}, default_steps=2, context_t=0.05)


def transformer(spread: float = 0.05) -> NFDTransformer:
    torch.manual_seed(0)
    made = NFDTransformer(CONFIG)
    for parameter in made.parameters():  # a fresh one predicts zeros
        parameter.data.add_(torch.randn_like(parameter) * spread)
    return made


def clips(batch_size: int = 4, num_frames: int = 64, num_lead: int = 0) -> ClipSource:
    generator = torch.Generator().manual_seed(1)
    film = LatentRecording(
        latents_NChw=torch.randn(num_frames, 3, 2, 2, generator=generator).half(),
        actions_NA=torch.randn(num_frames, 2, generator=generator),
        cuts_N=torch.zeros(num_frames, dtype=torch.bool),
    )
    return ClipSource([film], num_lead + CONFIG.window, batch_size, torch.device("cpu"))
