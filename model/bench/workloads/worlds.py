"""Worlds to be timed: a bundle, or a preset with random weights (time does not depend on them)."""

import torch
from torch import nn

from model.action_space import ActionSpace
from model.ar.decoding.order import DecodeOrder
from model.ar.decoding.token_sampling import TopP
from model.ar.matched import matched_world
from model.ar.runner import ARRunner
from model.ar.world import ARWorld
from model.bench.workloads.driver import Driver
from model.cache.frame_store import ContextClip
from model.context.policy import ContextPolicy
from model.context.sliding_window import SlidingWindow
from model.engine.prefill import opening_clip, opening_frame_idxs
from model.fast import FastPaths, runner_of
from model.nfd.transformer import NFDTransformer
from model.presets import PRESETS
from model.sampling.schedule import trig_time, uniform_times
from model.tokenizer.vae import VAE
from model.world import SamplerSpec, Start, World, WorldSpec

_BUTTONS = ("forward", "back", "left", "right", *(f"button-{i}" for i in range(12)))


def random_world(preset_name: str) -> World:
    """A world of this preset that opens with a full context and may draw 1, 2, 4 or 18 steps a
    frame."""
    preset = PRESETS[preset_name]()
    nfd = preset.nfd
    num_frames = nfd.window - 1
    start = Start(
        name="noise",
        latents_FChw=torch.randn(num_frames, nfd.latent_channels, nfd.grid_height, nfd.grid_width),
        actions_FA=torch.zeros(num_frames, nfd.condition_size),
    )
    spec = WorldSpec(
        name=f"preset {preset_name}",
        version="random",
        title=preset_name,
        width=preset.width,
        height=preset.height,
        fps=20.0,
        action_space=ActionSpace(
            buttons=_BUTTONS[: nfd.action_size - 1],
            degrees_per_count=1.0,
            key_turn_deg=1.0,
            yaw_bins_deg=(-1.0, 0.0, 1.0),
        ),
        vae=preset.vae,
        nfd=nfd,
        sampler=SamplerSpec(
            kind="consistency",
            times={num_steps: uniform_times(num_steps) for num_steps in (1, 2, 4, 18)},
            default_steps=2,
            context_t=trig_time(0.05),
        ),
        licence="none",
    )
    transformer = NFDTransformer(nfd)
    for zero in (transformer.modulation, transformer.head):  # an untrained one draws only zeros
        nn.init.normal_(zero.weight, std=0.02)
    return World(
        spec=spec,
        tokenizer=VAE(preset.vae).eval().requires_grad_(False),
        transformer=transformer.eval().requires_grad_(False),
        starts=(start,),
        digest="random",
    )


def random_baseline(world: World) -> ARWorld:
    """The token-autoregressive baseline of this world: as many parameters, tokens a frame and
    frames of context, and as heavy a decoder."""
    baseline = matched_world(world.spec.action_space, world.spec.vae, world.spec.nfd)
    for network in (baseline.tokenizer, baseline.transformer):
        network.eval().requires_grad_(False)
    return baseline


def drive(
    world: World,
    *,
    batch: int,
    device: torch.device,
    num_steps: int | None = None,
    policy: ContextPolicy | None = None,
    merge: bool = True,
    paths: FastPaths | None = None,
) -> Driver:
    """Sessions of a world, at the steps it is served with by default."""
    context = policy or SlidingWindow(world.spec.nfd.window - 1)
    runner = runner_of(paths)(
        world,
        num_slots=batch,
        pages_per_slot=context.max_frames + 1,
        num_sinks=context.num_sinks,
        max_drafts=1,
        device=device,
    )
    steps = num_steps or world.spec.sampler.default_steps
    clip = opening(world, max_frames=context.max_frames)
    return Driver(runner, clip, context, batch=batch, num_steps=steps, merge=merge)


def drive_baseline(
    baseline: ARWorld, order: DecodeOrder, *, batch: int, device: torch.device
) -> Driver:
    """Sessions of the baseline, sampled as MineWorld samples."""
    config = baseline.transformer.config
    context = SlidingWindow(config.window - 1)
    sizes = {"num_slots": batch, "pages_per_slot": config.window}
    runner = ARRunner(baseline, order, TopP(), **sizes, device=device)
    grid = (config.grid_height, config.grid_width)
    codes = torch.randint(config.codebook_size, (context.max_frames, *grid))
    clip = ContextClip(
        latents_FChw=baseline.tokenizer.to("cpu").latents_of(codes),
        t_F=torch.zeros(context.max_frames),
        actions_FA=torch.zeros(context.max_frames, baseline.action_space.size),
    )
    baseline.tokenizer.to(device)
    return Driver(runner, clip, context, batch=batch, num_steps=order.num_turns)


def opening(world: World, *, max_frames: int, seed: int = 0) -> ContextClip:
    """The first start as a context holds it."""
    start = world.starts[0]
    frame_idxs = opening_frame_idxs(start, max_frames)
    context_t = world.spec.sampler.context_t
    return opening_clip(start, frame_idxs, seed=seed, context_t=context_t)
