"""The headline: milliseconds a frame by preset, players, denoise steps and context."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from model.arithmetic.costs import frame_flop
from model.bench.provenance import matmul_gflops
from model.bench.workloads.driver import Driver, StepTime
from model.bench.workloads.worlds import drive, random_world
from model.context.policy import ContextPolicy
from model.context.sink_window import SinkWindow
from model.context.sliding_window import SlidingWindow
from model.fast import FastPaths
from model.fast.jobs.forms import forms, paths_on
from model.fast.jobs.results_file import ResultsFile
from model.precision import as_served_on
from model.presets import PRESETS, Preset
from model.world import World

BATCHES = (1, 2, 4, 8, 16, 24, 32)
STEPS = (2, 4, 1)
FORM_BATCHES = (1, 8)
BACKENDS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "memory-efficient": SDPBackend.EFFICIENT_ATTENTION,
    "math": SDPBackend.MATH,
}
REPEATS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What all cells of one preset share."""

    world: World
    preset: Preset
    device: torch.device
    matmul_gflops: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What differs between cells."""

    policy: ContextPolicy
    num_steps: int
    batch: int
    merge: bool = True
    backends: tuple[SDPBackend, ...] = tuple(BACKENDS.values())
    paths: FastPaths | None = None


def policies(window: int) -> Mapping[str, ContextPolicy]:
    """The trained window, and a sink with a quarter of the window."""
    short = max(1, window // 4)
    return {
        f"window {window}": SlidingWindow(window - 1),
        f"sink + {short}": SinkWindow(num_sinks=1, window=short),
    }


def measure(results: ResultsFile, preset: str, device: torch.device) -> None:
    """Every unknown cell, the most wanted cells first."""
    world = as_served_on(device, random_world(preset))
    subject = Subject(
        world=world,
        preset=PRESETS[preset](),
        device=device,
        matmul_gflops=matmul_gflops(device, world.transformer.embed.weight.dtype),
    )
    for key, settings in cells(subject.preset.nfd.window, device):
        results.fill(f"{preset}, {key}", partial(_cell, subject, settings))


def cells(window: int, device: torch.device) -> Iterator[tuple[str, Settings]]:
    """All batches and steps for each context in the best form; then single changes: the form of a
    pass for 1 and for a few players, merged or separate passes, the attention kernel."""
    best = paths_on(device)
    for (context, policy), num_steps, batch in product(policies(window).items(), STEPS, BATCHES):
        key = f"{context}, {num_steps} steps, {batch} players"
        yield key, Settings(policy=policy, num_steps=num_steps, batch=batch, paths=best)
    for (name, paths), batch in product(forms(device).items(), FORM_BATCHES):
        key = f"window {window}, 2 steps, {batch} players, form {name}"
        yield key, Settings(policy=SlidingWindow(window - 1), num_steps=2, batch=batch, paths=paths)
    one = Settings(policy=SlidingWindow(window - 1), num_steps=2, batch=1)
    yield f"window {window}, 2 steps, 1 player, unmerged", replace(one, merge=False)
    for name, backend in BACKENDS.items():
        key = f"window {window}, 2 steps, 1 player, {name} attention"
        yield key, replace(one, backends=(backend,))


def _cell(subject: Subject, settings: Settings) -> Mapping[str, Any]:
    with sdpa_kernel(list(settings.backends)):
        driver = drive(
            subject.world,
            batch=settings.batch,
            device=subject.device,
            num_steps=settings.num_steps,
            policy=settings.policy,
            merge=settings.merge,
            paths=settings.paths,
        )
        steps = [_timed(driver) for _ in range(REPEATS)]
    frame_s, middle = sorted(steps, key=lambda step: step[0])[len(steps) // 2]
    flop = settings.batch * frame_flop(
        subject.preset,
        num_steps=settings.num_steps,
        frames_seen=settings.policy.max_frames + 1,
    )
    return {
        "frame_ms": round(frame_s * 1e3, 2),
        "denoise_ms": round(middle.denoise_s * 1e3, 2),
        "decode_ms": round(middle.decode_s * 1e3, 2),
        "frames_per_s": round(settings.batch / frame_s, 1),
        "share_of_matmul": round(flop / frame_s / 1e9 / subject.matmul_gflops, 3),
    }


def _timed(driver: Driver) -> tuple[float, StepTime]:
    """Seconds on the clock, too: less than the sum where pictures are decoded beside the next
    pass."""
    started_s = time.perf_counter()
    step = driver.step()
    return time.perf_counter() - started_s, step
