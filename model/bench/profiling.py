"""Where a frame's time goes: by spans of the engine, and by torch's operators inside them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch.autograd.profiler_util import EventList, FunctionEventAvg

from model.engine.world_engine import WorldEngine
from model.fast import FastPaths, runner_of
from model.span import watching
from model.world import World

SPANS = ("plan", "pass", "begin", "denoise", "decode", "store", "commit")
NUM_OPERATORS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRow:
    """Of one frame of everybody. A span's time holds that of what it calls (`pass` holds `begin` to
    `store`), an operator's is its own; shares are of all passes with their plans."""

    what: str
    kind: Literal["span", "operator"]
    calls: float
    cpu_ms: float
    device_ms: float  # of a GPU; 0 without
    share: float


def profile_frames(
    world: World,
    *,
    batch: int,
    device: torch.device,
    frames: int,
    paths: FastPaths | None = None,
    trace: Path | None = None,
) -> list[ProfileRow]:
    """Spans in their order, then the heaviest operators. The profiler itself makes small operators
    dearer, so shares say more than times. `trace`: a file for a trace viewer."""
    engine = WorldEngine(
        world, max_sessions=batch, device=device.type, make_runner=runner_of(paths)
    )
    sessions = [str(seed) for seed in range(batch)]
    for seed, session_id in enumerate(sessions):
        engine.open(session_id, seed=seed)
    idle = dict.fromkeys(sessions, (0.0,) * world.spec.nfd.action_size)
    for _ in range(world.spec.nfd.window):
        engine.step(idle)
    with watching() as seen:
        for _ in range(frames):
            engine.step(idle)
    if trace is not None:
        trace.parent.mkdir(parents=True, exist_ok=True)
        seen.export_chrome_trace(str(trace))
    return list(_profile_rows(seen.key_averages(), frames))


def _profile_rows(averages: EventList, frames: int) -> Iterator[ProfileRow]:
    rows: dict[str, FunctionEventAvg] = {row.key: row for row in averages}
    whole_us = sum(rows[name].cpu_time_total for name in ("plan", "pass", "commit"))
    spans = [rows[name] for name in SPANS if name in rows]
    for row in spans:
        yield _profile_row(row, "span", row.cpu_time_total, row.device_time_total, whole_us, frames)
    operators = [row for name, row in rows.items() if name not in SPANS]
    for row in _heaviest(operators):
        yield _profile_row(
            row, "operator", row.self_cpu_time_total, row.self_device_time_total, whole_us, frames
        )


def _heaviest(rows: Sequence[FunctionEventAvg]) -> list[FunctionEventAvg]:
    def own_us(row: FunctionEventAvg) -> float:
        return max(row.self_cpu_time_total, row.self_device_time_total)

    return sorted(rows, key=own_us, reverse=True)[:NUM_OPERATORS]


def _profile_row(
    row: FunctionEventAvg,
    kind: Literal["span", "operator"],
    cpu_us: float,
    device_us: float,
    whole_us: float,
    frames: int,
) -> ProfileRow:
    return ProfileRow(
        what=str(row.key),
        kind=kind,
        calls=round(row.count / frames, 1),
        cpu_ms=round(cpu_us / frames / 1e3, 3),
        device_ms=round(device_us / frames / 1e3, 3),
        share=round(cpu_us / whole_us, 3),
    )
