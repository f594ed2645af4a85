"""One row of the table: a world, or its baseline, at a batch size."""

import statistics
from dataclasses import dataclass

import torch

from model.ar.decoding.order import DecodeOrder
from model.ar.matched import num_parameters
from model.ar.world import ARWorld
from model.bench.provenance import matmul_gflops
from model.bench.workloads.driver import Driver
from model.bench.workloads.worlds import drive, drive_baseline
from model.int8.serving import CpuPrecision, in_precision
from model.world import Precision, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Medians. The ms are those of the whole batch; `steps` is denoise steps, or turns of the
    baseline's decode order."""

    world: str
    precision: Precision
    params_m: float
    tokens_per_frame: int
    window: int
    steps: int
    batch: int
    denoise_ms: float  # all passes, the one that caches among them
    decode_ms: float
    frame_ms: float
    best_frame_ms: float
    frames_per_s: float  # of all sessions together
    gflop_per_frame: float  # every pass and the decoder
    gflops: float
    share_of_matmul: float


def world_row(
    world: World,
    *,
    batch: int,
    device: torch.device,
    repeats: int,
    num_steps: int | None = None,
    precision: CpuPrecision = "fp32",
) -> Row:
    """Operations are counted in fp32: they are as many in every precision."""
    plain, served = (
        drive(form, batch=batch, device=device, num_steps=num_steps)
        for form in (world, in_precision(world, precision))
    )
    nfd = world.spec.nfd
    return _measure(
        served,
        plain.flop(),
        world.spec.name,
        precision,
        num_parameters(world.transformer),
        nfd.tokens_per_frame,
        nfd.window,
        device,
        repeats,
    )


def baseline_row(
    name: str, baseline: ARWorld, order: DecodeOrder, *, device: torch.device, repeats: int
) -> Row:
    driver = drive_baseline(baseline, order, batch=1, device=device)
    config = baseline.transformer.config
    return _measure(
        driver,
        driver.flop(),
        name,
        "fp32",
        num_parameters(baseline.transformer),
        config.cells_per_frame,
        config.window,
        device,
        repeats,
    )


def _measure(
    driver: Driver,
    flop: int,
    name: str,
    precision: Precision,
    params: int,
    tokens: int,
    window: int,
    device: torch.device,
    repeats: int,
) -> Row:
    steps = [driver.step() for _ in range(repeats)]
    frames_s = [step.frame_s for step in steps]
    frame_ms = _median_ms(frames_s)
    gflops = flop / frame_ms / 1e6
    return Row(
        world=name,
        precision=precision,
        params_m=round(params / 1e6, 2),
        tokens_per_frame=tokens,
        window=window,
        steps=driver.num_steps,
        batch=driver.batch,
        denoise_ms=_median_ms([step.denoise_s for step in steps]),
        decode_ms=_median_ms([step.decode_s for step in steps]),
        frame_ms=frame_ms,
        best_frame_ms=round(min(frames_s) * 1e3, 2),
        frames_per_s=round(driver.batch * 1e3 / frame_ms, 2),
        gflop_per_frame=round(flop / driver.batch / 1e9, 3),
        gflops=round(gflops, 1),
        share_of_matmul=round(gflops / matmul_gflops(device), 3),
    )


def _median_ms(seconds: list[float]) -> float:
    return round(statistics.median(seconds) * 1e3, 2)
