"""Measures the trained contestants: each through the runner that would serve it.

The diffusion model is undistilled and follows its ODE; the baseline is sampled as in MineWorld.
"""

from collections.abc import Mapping

import torch

from model.ar.decoding.choice import TopP
from model.ar.decoding.order import DecodeOrder
from model.ar.matched import num_parameters
from model.ar.runner import ARRunner
from model.ar.world import ARWorld
from model.bench.contest import contest
from model.bench.subjects.worlds import drive, drive_baseline
from model.engine.running.runner import NFDRunner
from model.sampling.schedule import trig_time, uniform_times
from model.tokenizer.protocol import Tokenizer
from model.tokenizer.vae import uint8_from_pixels
from model.world import SamplerSpec, Start, World, WorldSpec
from training.ablations.autoregression.contestants import CPU, Models, Tokenizers
from training.ablations.autoregression.held_out import HeldOut
from training.ablations.autoregression.material import FPS, Sizes, encode, pixels
from training.ablations.autoregression.quality import TOGETHER, Pictures, draw_next, judge
from training.ablations.autoregression.table import Row

STEPS = (1, 2, 4)
SPEED_ROUNDS = 15


def measure(
    sizes: Sizes, tokenizers: Tokenizers, models: Models, orders: Mapping[str, DecodeOrder],
    held_out: HeldOut,
) -> list[Row]:  # fmt: skip
    world = nfd_world(sizes, tokenizers, models, held_out)
    frame_ms = _frame_ms(world, models.baselines, orders)
    rows = [_nfd_row(world, steps, held_out, frame_ms) for steps in STEPS]
    rows += [
        _baseline_row(name, models.baselines[name], order, held_out, frame_ms)
        for name, order in orders.items()
    ]
    truth = held_out.truth
    return [
        *rows,
        Row(name="the last frame again", quality=judge(held_out.before, truth)),
        Row(
            name="the truth through the VAE", quality=judge(_through(tokenizers.vae, truth), truth)
        ),
        Row(name="the truth through codes", quality=judge(_through(tokenizers.fsq, truth), truth)),
    ]


def _nfd_row(world: World, steps: int, held_out: HeldOut, frame_ms: Mapping[str, float]) -> Row:
    window = world.spec.nfd.window
    runner = NFDRunner(world, num_slots=TOGETHER, pages_per_slot=window, device=CPU)
    contexts = held_out.contexts(world.tokenizer, world.spec.sampler.context_t)
    frames = draw_next(runner, contexts, held_out.actions, num_steps=steps)
    return Row(
        name=_name(steps),
        quality=judge(frames, held_out.truth),
        params=num_parameters(world.transformer),
        passes=steps + 1,
        frame_ms=frame_ms[_name(steps)],
    )


def _baseline_row(
    name: str, baseline: ARWorld, order: DecodeOrder, held_out: HeldOut,
    frame_ms: Mapping[str, float],
) -> Row:  # fmt: skip
    window = baseline.transformer.config.window
    sizes = {"num_slots": TOGETHER, "pages_per_slot": window}
    runner = ARRunner(baseline, order, TopP(), **sizes, device=CPU)
    contexts = held_out.contexts(baseline.tokenizer, 0.0)
    frames = draw_next(runner, contexts, held_out.actions, num_steps=order.num_turns)
    return Row(
        name=f"codes, {name}",
        quality=judge(frames, held_out.truth),
        params=num_parameters(baseline.transformer),
        passes=order.num_turns,
        frame_ms=frame_ms[name],
    )


def _frame_ms(
    world: World, baselines: Mapping[str, ARWorld], orders: Mapping[str, DecodeOrder]
) -> dict[str, float]:
    """Of one player, decoder included, all in turns."""
    drivers = {_name(n): drive(world, batch=1, device=CPU, num_steps=n) for n in STEPS}
    drivers |= {
        name: drive_baseline(baselines[name], order, batch=1, device=CPU)
        for name, order in orders.items()
    }
    entrants = {name: driver.frame_s for name, driver in drivers.items()}
    times = contest(entrants, rounds=SPEED_ROUNDS)
    return {name: times.median_ms(name) for name in entrants}


def nfd_world(sizes: Sizes, tokenizers: Tokenizers, models: Models, held_out: HeldOut) -> World:
    """The trained transformer as a world, undistilled: along the ODE."""
    context_t = trig_time(0.05)
    opening = encode(tokenizers.vae, held_out.films[0])
    spec = WorldSpec(
        name="compare", version="1", title="", width=32, height=32, fps=FPS,
        action_space=sizes.action_space, vae=sizes.vae, nfd=sizes.nfd,
        sampler=SamplerSpec(
            kind="euler", times={n: uniform_times(n) for n in STEPS}, default_steps=2,
            context_t=context_t,
        ),
        licence="Apache-2.0",
    )  # fmt: skip
    start = Start(name="start", latents_FChw=opening.latents_NChw, actions_FA=opening.actions_NA)
    return World(
        spec=spec, tokenizer=tokenizers.vae, transformer=models.nfd, starts=(start,), digest=""
    )


@torch.no_grad()
def _through(tokenizer: Tokenizer, frames: Pictures) -> Pictures:
    rebuilt = [tokenizer.decode(tokenizer.encode(pixels(frame[None]))) for frame in frames]
    return [uint8_from_pixels(picture)[0].numpy() for picture in rebuilt]


def _name(steps: int) -> str:
    return f"NFD, {steps} step" + "s" * (steps > 1)
