"""A world's report card: every figure measured, none typed. Written as JSON and for people."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from training.evaluate.fidelity import FRAMES, DreamFidelity, TokenizerFidelity
from training.evaluate.steering import Steering

SCHEMA = "nextframe.eval"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Milliseconds a frame in the engine, one session, decode included; median of many."""

    num_steps: int
    frame_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    world: str
    world_version: str
    world_digest: str
    sampler: str
    num_steps: int
    tokenizer: TokenizerFidelity
    dream: DreamFidelity
    steering: Steering
    steering_control: Steering
    long_gradient_ratio: dict[int, float]  # frame → against the mean real gradient
    speed: tuple[Speed, ...]
    training: Mapping[str, Any]


def to_json(card: Card) -> str:
    header = {
        "schema": SCHEMA,
        "version": VERSION,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} "
        f"threads, torch {torch.__version__}",
        "commit": _commit(),
    }
    return json.dumps(header | asdict(card), indent=1) + "\n"


def to_markdown(card: Card, *, title: str, licence: str) -> str:
    ours, real = card.steering, card.steering_control
    probes = ours.probes
    dream = card.dream
    steering_rows = (
        ("left and right turn the picture opposite ways", f"{ours.turns_opposite}/{probes}",
         f"{real.turns_opposite}/{probes}"),
        ("picture's shift, left held (px a frame)", f"{ours.left_px:+.1f}", f"{real.left_px:+.1f}"),
        ("picture's shift, right held", f"{ours.right_px:+.1f}", f"{real.right_px:+.1f}"),
        ("forward comes nearer, clearly more than idle and back",
         f"{ours.forward_nearer}/{probes}", f"{real.forward_nearer}/{probes}"),
        ("zoom over 4 frames, forward", f"{ours.forward_zoom:.3f}", f"{real.forward_zoom:.3f}"),
        ("zoom over 4 frames, idle", f"{ours.idle_zoom:.3f}", f"{real.idle_zoom:.3f}"),
        ("zoom over 4 frames, back", f"{ours.back_zoom:.3f}", f"{real.back_zoom:.3f}"),
        ("idle stays still (under 0.5 px a frame)", f"{ours.idle_still}/{probes}",
         f"{real.idle_still}/{probes}"),
        ("act lights the muzzle", f"{ours.act_flashes}/{probes}", f"{real.act_flashes}/{probes}"),
    )  # fmt: skip
    fidelity_rows = (
        ("PSNR, dB", *_by_frame(dream.psnr_db, ".1f")),
        ("PSNR of the last real frame, dB", *_by_frame(dream.copy_last_psnr_db, ".1f")),
        ("PSNR of the mean frame, dB", *_by_frame(dream.mean_frame_psnr_db, ".1f")),
        ("gradient against the real frame", *_by_frame(dream.gradient_ratio, ".2f")),
        ("gradient against the tokenizer", *_by_frame(dream.gradient_to_tokenizer, ".2f")),
    )
    long_row = ", ".join(f"{ratio:.2f} at {n}" for n, ratio in card.long_gradient_ratio.items())
    speeds = ", ".join(f"{s.frame_ms:.0f} ms with {s.num_steps}" for s in card.speed)
    provenance = "\n".join(f"- {name}: {value}" for name, value in card.training.items())
    return f"""# {title}

World `{card.world}`, version {card.world_version}. Licence: {licence}.
Measured by `python -m training evaluate` through the serving engine: {card.sampler} sampler,
{card.num_steps} denoise steps. Held-out play, {probes} starts. "Real" is the game's own answer to
the same key from the same frame, by the same measure.

## The keys steer the dream

{_table(("held for one second", "dream", "real"), steering_rows)}

![steering](steering.png)

## Pictures

Tokenizer on held-out frames: PSNR {card.tokenizer.psnr_db:.1f} dB, keeps
{card.tokenizer.gradient_ratio:.2f} of the real gradient.

{_table(("player's own actions, dreamt frame", *map(str, FRAMES)), fidelity_rows)}

Longer dreams, gradient against real frames on average: {long_row}.

![real above dreamt, frames 1, 2, 4, 8, 12, 16](contact_sheet.png)

## Speed

Per frame in the engine, one session, decode included: {speeds} denoise steps
({os.cpu_count()} CPU cores, other work running).

## Training

{provenance}
"""


def write(card: Card, folder: Path, *, title: str, licence: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "card.json").write_text(to_json(card))
    (folder / "card.md").write_text(to_markdown(card, title=title, licence=licence))


def _by_frame(values: Mapping[int, float], style: str) -> list[str]:
    return [format(values[n], style) for n in FRAMES]


def _table(header: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"
