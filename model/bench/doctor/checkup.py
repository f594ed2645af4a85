"""What this machine has, what it will reach, and what is missing, in words for its owner.

`model.bench.doctor.probe_results` asks the libraries that may be broken or absent. Knows no
service.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from model.arithmetic.costs import frame_flop
from model.bench.doctor.probe_results import encodes, why_not_fast
from model.bench.provenance import int8_gops, matmul_gflops, this_machine
from model.bench.workloads.worlds import drive
from model.fast import FastPaths, paths_of
from model.int8.serving import in_precision, quickest_precision, why_not_int8
from model.precision import as_served_on
from model.presets import PRESETS
from model.world import World

SMALL_MEMORY_GB = 4
SHARE_REACHED = {"cpu": 0.4, "cuda": 0.4}  # of the matmul rate, by whole frames

FAST_FORMS = {
    "flash": "flash-attn, for bf16",
    "graphs": "CUDA graphs",
    "fused": "Triton kernels",
    "compiled": "compiled blocks",
    "beside": "decoding beside",
}
ENCODERS = {"libx264": "H.264 on the CPU", "libvpx": "VP8", "h264_nvenc": "H.264 on the GPU"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`advice` is empty where nothing is missing."""

    name: str
    value: str
    advice: str = ""


def examine(world: World, device: torch.device, *, frames: int = 12) -> Iterator[Finding]:
    """Findings in the order in which they matter."""
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    rate = matmul_gflops(device, dtype)
    yield _processor()
    yield _memory()
    yield _gpu()
    yield Finding(name="matrix product", value=f"{rate:.0f} GFLOP/s on {device}, {dtype}")
    yield _int8()
    why_not = why_not_fast(tuple(FAST_FORMS))
    paths = paths_of([form for form, reason in why_not.items() if not reason])
    yield from _fast_forms(why_not)
    yield _fast_paths(paths)
    yield _encoders()
    yield _world(world, device, frames)
    if paths.forms:
        yield _world(world, device, frames, paths=paths)
    yield from _presets(device, rate)


def _processor() -> Finding:
    machine = this_machine(torch.device("cpu"))
    busy = machine["load_1m"] > machine["num_cores"] / 2
    return Finding(
        name="processor",
        value=f"{machine['device']}, {machine['num_cores']} cores, {machine['num_threads']} "
        f"threads, load {machine['load_1m']}",
        advice="other work is running: figures below are too low" if busy else "",
    )


def _memory() -> Finding:
    total_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    small = total_gb < SMALL_MEMORY_GB
    return Finding(
        name="memory",
        value=f"{total_gb:.1f} GiB",
        advice=f"`make play` wants {SMALL_MEMORY_GB} GiB" if small else "",
    )


def _gpu() -> Finding:
    if not torch.cuda.is_available():
        return Finding(
            name="GPU",
            value="none that torch can use",
            advice="the shipped world needs none; the paper's presets do",
        )
    properties = torch.cuda.get_device_properties(0)
    return Finding(
        name="GPU",
        value=f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, compute "
        f"{properties.major}.{properties.minor}",
    )


def _int8() -> Finding:
    if reason := why_not_int8():
        return Finding(
            name="int8",
            value=f"not here: {reason}",
            advice="worlds are served in fp32 on the CPU, at two thirds of the speed",
        )
    return Finding(name="int8", value=f"{int8_gops():.0f} GOP/s on the CPU, exact sums")


def _fast_forms(why_not: Mapping[str, str]) -> Iterator[Finding]:
    for form, reason in why_not.items():
        yield Finding(name=FAST_FORMS[form], value=f"off: {reason}" if reason else "works")


def _fast_paths(paths: FastPaths) -> Finding:
    if not paths.forms:
        return Finding(name="fast paths", value="none: worlds are drawn in torch's operations")
    return Finding(
        name="fast paths",
        value=f"`auto` takes {', '.join(paths.forms)}",
        advice="replicas take none unless told to, in their setting `fast_paths`; are the frames "
        "right here? `python -m model.bench exactness`; are they quicker? `... speed`",
    )


def _encoders() -> Finding:
    works = [what for name, what in ENCODERS.items() if encodes(name)]
    return Finding(
        name="video encoders",
        value=", ".join(works) or "none",
        advice="" if works else "install the `generation` extra: frames cannot be sent",
    )


def _world(
    world: World, device: torch.device, frames: int, *, paths: FastPaths | None = None
) -> Finding:
    """Frames of the world itself, measured in the precision that `auto` takes."""
    served = as_served_on(device, in_precision(world, quickest_precision(device.type)))
    driver = drive(served, batch=1, device=device, paths=paths)
    best_s = min(driver.frame_s() for _ in range(frames))
    reached = 1 / best_s
    wanted = world.spec.fps
    steps = world.spec.sampler.default_steps
    form = f", {' + '.join(paths.forms)}" if paths else ""
    return Finding(
        name=f"world {world.spec.name}",
        value=f"{reached:.0f} frames/s at {steps} steps; played at {wanted}, "
        f"in {served.precision}{form}",
        advice=""
        if reached > 1.3 * wanted
        else "it will attend to fewer frames, then draw fewer steps, then fewer frames",
    )


def _presets(device: torch.device, rate: float) -> Iterator[Finding]:
    """The paper's presets, foretold from the rate: 2 steps, 32 frames of context."""
    share = SHARE_REACHED[device.type]
    for name in ("nfd_130m", "nfd_310m", "nfd_774m"):
        preset = PRESETS[name]()
        flop = frame_flop(preset, num_steps=2, frames_seen=preset.nfd.window)
        fps = share * rate * 1e9 / flop
        yield Finding(
            name=f"preset {name}, foretold",
            value=f"{fps:.2g} frames/s ({flop / 1e9:.0f} GFLOP a frame)",
            advice="" if fps > 20 else "too slow to play on this device",
        )


def report(findings: Iterator[Finding]) -> None:
    """Prints each as soon as it is known."""
    for finding in findings:
        advice = f"\n{'':28}→ {finding.advice}" if finding.advice else ""
        print(f"{finding.name:>26}  {finding.value}{advice}", flush=True)
