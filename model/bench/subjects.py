"""Worlds to be timed: a bundle, or a preset with random weights (time does not depend on them)."""

import torch

from model.action_space import ActionSpace
from model.nfd.transformer import NFDTransformer
from model.presets import PRESETS
from model.sampling.schedule import trig_time, uniform_times
from model.tokenizer.vae import VAE
from model.world import SamplerSpec, Start, World, WorldSpec


def random_world(preset_name: str) -> World:
    """A world of this preset that opens with a full context and draws two steps a frame."""
    preset = PRESETS[preset_name]()
    nfd = preset.nfd
    num_frames = nfd.window - 1
    start = Start(
        name="noise",
        latents_FChw=torch.randn(num_frames, nfd.latent_channels, nfd.grid_height, nfd.grid_width),
        actions_FA=torch.zeros(num_frames, nfd.action_size),
    )
    spec = WorldSpec(
        name=f"preset {preset_name}",
        version="random",
        title=preset_name,
        width=preset.width,
        height=preset.height,
        fps=20.0,
        action_space=ActionSpace(
            buttons=(), degrees_per_count=1.0, key_turn_deg=1.0, yaw_bins_deg=(0.0,)
        ),
        vae=preset.vae,
        nfd=nfd,
        sampler=SamplerSpec(
            kind="consistency",
            times={2: uniform_times(2)},
            default_steps=2,
            context_t=trig_time(0.05),
        ),
        licence="none",
    )
    return World(
        spec=spec,
        tokenizer=VAE(preset.vae).eval().requires_grad_(False),
        transformer=NFDTransformer(nfd).eval().requires_grad_(False),
        starts=(start,),
        digest="random",
    )
