"""The island's card: every figure measured, none typed; as JSON and as a page."""

import json
import math
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from model.bench.provenance import this_commit
from model.world import Precision
from training.evaluate.report.card import SCHEMA, VERSION, Speed
from training.evaluate.report.markdown import table


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleFigures:
    """Shares in [0, 1] by the oracle. `kept_1` and `kept_16`: tiles that stay in view, right at
    those frames; `counts_16`: inventory numbers; `facing_16`: where the player looks; `obeyed`:
    frames with a button down whose motion and facing are the real ones; `gathered` of `tries`: wood
    counts up; `valid`: by frame of long dreams, cells that show a tile at all."""

    kept_1: float
    kept_16: float
    counts_16: float
    facing_16: float
    obeyed: float
    gathered: int
    tries: int
    valid: Mapping[int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class TileCard:
    """`loop_closure`: the share of tiles that are as before after LOOP_FRAMES frames out and back.
    Pictures by number of dreamt frames, over `num_passages` passages."""

    world: str
    world_version: str
    world_digest: str
    sampler: str
    num_steps: int
    precision: Precision
    is_quick: bool
    num_passages: int
    num_loops: int
    loop_frames: int
    tokenizer_psnr: float
    tokenizer_gradient: float
    psnr: Mapping[int, float]
    psnr_copy_last: Mapping[int, float]
    gradient: Mapping[int, float]
    oracle: OracleFigures
    loop_closure: float
    speed: tuple[Speed, ...]
    load_1m: float
    training: Mapping[str, Any]


def to_json(card: TileCard) -> str:
    header = {
        "schema": SCHEMA,
        "version": VERSION,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} "
        f"threads, torch {torch.__version__}",
        "commit": this_commit(),
        "psnr_16": card.psnr[16],
        "psnr_16_copy_last": card.psnr_copy_last[16],
        "gradient_16": card.gradient[16],
    }
    return json.dumps(_without_nan(header | asdict(card)), indent=1, allow_nan=False) + "\n"


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _without_nan(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(entry) for entry in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def to_markdown(card: TileCard, *, title: str, licence: str) -> str:
    oracle, speed = card.oracle, {speed.num_steps: speed.frame_ms for speed in card.speed}
    frames = tuple(card.psnr)
    figures = (
        ("tokenizer: PSNR, dB; gradient kept",
         f"{card.tokenizer_psnr:.1f}; {card.tokenizer_gradient:.2f}", "36; .95"),
        ("tiles that stay in view, right at frame 1", f"{oracle.kept_1:.3f}", ".99"),
        ("the same at frame 16", f"{oracle.kept_16:.3f}", ".97"),
        ("inventory numbers right at frame 16", f"{oracle.counts_16:.3f}", ".95"),
        ("the player looks where it should at frame 16", f"{oracle.facing_16:.3f}", ""),
        ("action obeyed (motion and facing as in real play)", f"{oracle.obeyed:.3f}", ".95"),
        ("wood counts up in the dream", f"{oracle.gathered} of {oracle.tries}", "9 of 10"),
        *((f"cells that show a tile at frame {frame:,}", f"{share:.3f}",
           ".97" if frame == 1000 else "") for frame, share in oracle.valid.items()),
        (f"out and back in {card.loop_frames} frames: tiles as before",
         f"{card.loop_closure:.3f}", ".9"),
    )  # fmt: skip  # a table
    pictures = (
        ("PSNR, dB", *(f"{value:.1f}" for value in card.psnr.values())),
        ("PSNR of the last real frame, dB", *(f"{v:.1f}" for v in card.psnr_copy_last.values())),
        ("gradient against the real frame", *(f"{v:.2f}" for v in card.gradient.values())),
    )
    return f"""# {title}

{licence}. Version {card.world_version}. Sampler {card.sampler}, {card.num_steps} steps,
{card.precision}. All figures are of dreams through the serving engine
after held-out play ({card.num_passages} passages, {card.num_loops} loops), read by an oracle: the
nearest tile of the tile set in every cell. The rules are Crafter's, the pictures our own; nothing
of this is the paper's.

{table(("", "measured", "wanted"), figures)}

{table(("player's own actions, generated frame", *map(str, frames)), pictures)}

Milliseconds a frame on one thread, load {card.load_1m}: \
{", ".join(f"{steps} steps {ms:.0f}" for steps, ms in speed.items())}.

It forgets what has been out of view for longer than its window. Land that was never seen is made
up, creatures take a way of their own, and needs (food, drink, energy) run down by chance.
"""
