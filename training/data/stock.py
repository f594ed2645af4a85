"""`python -m training stock FOLDER`: what a folder of VPT recordings is worth to training."""

import argparse
from pathlib import Path

from training.data.manifest import Manifest, take_stock
from training.data.source import SPLITS
from training.data.vpt.folder import VptFolder

_SHOWN_SHARES = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="holds name.mp4 beside name.jsonl")
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--height", type=int, default=224)
    parser.add_argument("--max-idle-frames", type=int, default=20, help="kept of every rest")
    parser.add_argument("--out", type=Path, default=Path("build/manifest.json"))


def run_command(arguments: argparse.Namespace) -> None:
    folder = VptFolder(
        folder=arguments.folder, width=arguments.width, height=arguments.height,
        max_idle_frames=arguments.max_idle_frames,
    )  # fmt: skip
    print(report(take_stock(folder, arguments.out)))


def report(manifest: Manifest) -> str:
    lines = []
    for split in SPLITS:
        entries = list(manifest.of(split))
        num_frames = sum(entry.num_frames for entry in entries)
        lines.append(f"{split}: {len(entries)} recordings, {num_frames} frames")
    shares = sorted(manifest.shares("train").items(), key=lambda item: -item[1])[:_SHOWN_SHARES]
    lines += [f"  {name}: {share:.1%} of the training frames" for name, share in shares]
    lines += [f"skipped {count}: {reason}" for reason, count in manifest.skipped.items()]
    return "\n".join(lines)
