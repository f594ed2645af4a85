"""`python -m training stock FOLDER`: indexes a folder of VPT recordings. The training service runs
`python -m training.data.index.dataset_index`, which imports no torch."""

import argparse
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from model.arguments import at_least_one
from training.data.atomic_io import DamagedFile
from training.data.index.manifest import Manifest, index_recordings, read_manifest
from training.data.source import SPLITS, Split
from training.data.vpt.folder import VptFolder
from training.data.vpt.lines import FPS

_SHOWN_SHARES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetIndex:
    """Counts of recordings and of usable frames by split, of skipped recordings by reason, and of
    unusable parts of the other recordings by reason."""

    recordings: dict[Split, int]
    frames: dict[Split, int]
    skipped: dict[str, int]
    lost: dict[str, int]

    @property
    def hours(self) -> float:
        return sum(self.frames.values()) / FPS / 3600

    @classmethod
    def of(cls, manifest: Manifest) -> "DatasetIndex":
        frames = {split: [e.num_frames for e in manifest.of(split)] for split in SPLITS}
        return cls(
            recordings={split: len(counts) for split, counts in frames.items()},
            frames={split: sum(counts) for split, counts in frames.items()},
            skipped=manifest.skipped,
            lost=manifest.lost,
        )


def index_at(manifest: Path) -> DatasetIndex | None:
    """The index at `manifest`; None for a missing or damaged file, which the next scan replaces or
    reports."""
    try:
        return _index(manifest, manifest.stat().st_mtime_ns)
    except (FileNotFoundError, DamagedFile):
        return None


@lru_cache(maxsize=64)
def _index(manifest: Path, changed_ns: int) -> DatasetIndex:
    return DatasetIndex.of(read_manifest(manifest))


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
    print(report(index_recordings(folder, arguments.out)))


def report(manifest: Manifest) -> str:
    index = DatasetIndex.of(manifest)
    lines = [
        f"{split}: {index.recordings[split]} recordings, {index.frames[split]} frames"
        for split in SPLITS
    ]
    lines.append(f"{index.hours:.2f} hours in all")
    shares = sorted(manifest.shares("train").items(), key=lambda item: -item[1])[:_SHOWN_SHARES]
    lines += [f"  {name}: {share:.1%} of the training frames" for name, share in shares]
    lines += [f"skipped {count}: {reason}" for reason, count in manifest.skipped.items()]
    lines += [f"lost {count}: {reason}" for reason, count in manifest.lost.items()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.data.index.dataset_index", description=__doc__
    )
    add_arguments(parser)
    arguments = parser.parse_args()
    try:
        run_command(arguments)
    except OSError as error:
        sys.exit(f"stock: {error}")


if __name__ == "__main__":
    main()
