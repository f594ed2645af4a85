"""`python -m training stock FOLDER`: what a folder of VPT recordings is worth to training. As
`python -m training.data.inventory.stock` it loads no networks' library: so the training service
calls it."""

import argparse
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from model.arguments import at_least_one
from training.data.atomic_io import DamagedFile
from training.data.inventory.manifest import Manifest, read_manifest, take_stock
from training.data.source import SPLITS, Split
from training.data.vpt.folder import VptFolder
from training.data.vpt.lines import FPS

_SHOWN_SHARES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """How many recordings, and frames in them that are worth learning from, by split; how many
    recordings were skipped, by what is wrong with them; what was lost of the others, by reason."""

    recordings: dict[Split, int]
    frames: dict[Split, int]
    skipped: dict[str, int]
    lost: dict[str, int]

    @property
    def hours(self) -> float:
        return sum(self.frames.values()) / FPS / 3600

    @classmethod
    def of(cls, manifest: Manifest) -> "Stock":
        frames = {split: [e.num_frames for e in manifest.of(split)] for split in SPLITS}
        return cls(
            recordings={split: len(counts) for split, counts in frames.items()},
            frames={split: sum(counts) for split, counts in frames.items()},
            skipped=manifest.skipped,
            lost=manifest.lost,
        )


def stock_at(manifest: Path) -> Stock | None:
    """What an earlier look has written down, None where nothing can be read; the next look says
    why."""
    try:
        return _stock(manifest, manifest.stat().st_mtime_ns)
    except (FileNotFoundError, DamagedFile):
        return None


@lru_cache(maxsize=64)
def _stock(manifest: Path, changed_ns: int) -> Stock:
    return Stock.of(read_manifest(manifest))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=run_command)
    parser.add_argument("folder", type=Path, help="holds name.mp4 beside name.jsonl")
    parser.add_argument("--width", type=at_least_one, default=384)
    parser.add_argument("--height", type=at_least_one, default=224)
    parser.add_argument("--max-idle-frames", type=int, default=20, help="kept of every rest")
    parser.add_argument("--out", type=Path, default=Path("build/manifest.json"))


def run_command(arguments: argparse.Namespace) -> None:
    """Raises FileNotFoundError where there is no such folder."""
    folder = VptFolder(
        folder=arguments.folder,
        width=arguments.width,
        height=arguments.height,
        max_idle_frames=arguments.max_idle_frames,
    )
    print(report(take_stock(folder, arguments.out)))


def report(manifest: Manifest) -> str:
    stock = Stock.of(manifest)
    lines = [
        f"{split}: {stock.recordings[split]} recordings, {stock.frames[split]} frames"
        for split in SPLITS
    ]
    lines.append(f"{stock.hours:.2f} hours in all")
    shares = sorted(manifest.shares("train").items(), key=lambda item: -item[1])[:_SHOWN_SHARES]
    lines += [f"  {name}: {share:.1%} of the training frames" for name, share in shares]
    lines += [f"skipped {count}: {reason}" for reason, count in manifest.skipped.items()]
    lines += [f"lost {count}: {reason}" for reason, count in manifest.lost.items()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.data.inventory.stock", description=__doc__
    )
    add_arguments(parser)
    arguments = parser.parse_args()
    try:
        run_command(arguments)
    except OSError as error:
        sys.exit(f"stock: {error}")


if __name__ == "__main__":
    main()
