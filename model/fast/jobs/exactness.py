"""Do fast forms generate the same frames on the device: each form against the plainest form, a
session in fp32 with explicit attention."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from model.bench.workloads.worlds import opening, random_world
from model.engine.reference import ReferenceSession
from model.engine.world_engine import WorldEngine
from model.fast import FastPaths, runner_of
from model.fast.jobs.forms import forms
from model.fast.jobs.results_file import ResultsFile
from model.precision import in_bf16
from model.world import World

MATH, FUSED = (SDPBackend.MATH,), (SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION)
FRAMES = (1, 4)  # after so many the errors are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A way to generate the same frames."""

    is_bf16: bool = False
    strangers: int = 0
    merge: bool = True
    backends: tuple[SDPBackend, ...] = MATH
    paths: FastPaths | None = None


FORMS = {
    "alone again": Form(),
    "with 7 strangers": Form(strangers=7),
    "cached by a pass of its own": Form(merge=False),
    "fused attention": Form(backends=(*FUSED, *MATH)),
    "bf16": Form(is_bf16=True),
    "bf16, fused attention, with 7 strangers": Form(
        is_bf16=True, backends=(*FUSED, *MATH), strangers=7
    ),
}


def measure(results: ResultsFile, preset: str, device: torch.device) -> None:
    plain = draw(_world(preset, Form()), Form(), device)
    for name, form in (FORMS | fast_forms(device)).items():
        results.fill(f"{preset}, {name}", partial(_compare, plain, preset, form, device))
    results.fill(f"{preset}, no cache, full mask", partial(_compare_uncached, plain, preset))


def fast_forms(device: torch.device) -> dict[str, Form]:
    """Each form in fp32 where possible, so that only the form differs."""
    return {
        f"form {name}": Form(paths=paths, is_bf16=paths.flash)
        for name, paths in forms(device).items()
        if paths is not None
    }


def _compare(
    plain: Sequence[Tensor], preset: str, form: Form, device: torch.device
) -> Mapping[str, Any]:
    return _errors(plain, draw(_world(preset, form), form, device))


def _compare_uncached(plain: Sequence[Tensor], preset: str) -> Mapping[str, Any]:
    return _errors(plain, draw_uncached(_world(preset, Form())))


def draw(world: World, form: Form, device: torch.device) -> list[Tensor]:
    """Latents (C, h, w) of the frames of a session."""
    latents = []
    with sdpa_kernel(list(form.backends)):
        engine = WorldEngine(
            world,
            max_sessions=1 + form.strangers,
            device=str(device),
            merge=form.merge,
            make_runner=runner_of(form.paths),
        )
        for seed in range(1 + form.strangers):
            engine.open(str(seed), seed=seed)
        actions = dict.fromkeys(engine.session_ids, (0.0,) * world.spec.nfd.action_size)
        for _ in range(max(FRAMES)):
            engine.step(actions)
            latents.append(engine.snapshot("0").context.latents_FChw[-1].float())
    return latents


@torch.inference_mode()
def draw_uncached(world: World) -> list[Tensor]:
    """The same frames on the CPU, all of them recomputed in every pass."""
    clip = opening(world, max_frames=world.spec.nfd.window - 1)
    session = ReferenceSession(world, clip, range(len(clip)), seed=0)
    latents = []
    for _ in range(max(FRAMES)):
        session.step((0.0,) * world.spec.nfd.action_size, world.spec.sampler.default_steps)
        latents.append(session.context.latents_FChw[-1])
    return latents


def _world(preset: str, form: Form) -> World:
    """Random, with every gate open: those of a fresh network are shut, and hide all errors."""
    torch.manual_seed(0)
    world = random_world(preset)
    for layer in (world.transformer.modulation, world.transformer.head):
        nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
    return in_bf16(world) if form.is_bf16 else world


def _errors(plain: Sequence[Tensor], other: Sequence[Tensor]) -> Mapping[str, Any]:
    """Largest difference in latents, which have unit variance."""
    return {
        f"after {n}": float(f"{(plain[n - 1] - other[n - 1]).abs().max().item():.2e}")
        for n in FRAMES
    }
