"""Times the engine on this machine: `python -m model.bench` → build/bench.json and a table.

Knows no service: what is timed is `Scheduler` and `NFDRunner`, the path that serves.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from model.bench.provenance import this_commit, this_machine
from model.bench.subjects import random_world
from model.bench.timing import Bench, Row
from model.world import World

SCHEMA, VERSION = "nextframe.bench", 1
SHIPPED_WORLD = Path(__file__).parents[1] / "worlds" / "freedoom"
BATCHES = (1, 2, 3, 4)
COLUMNS = (
    "world", "batch", "num_steps", "denoise_ms", "remember_ms", "decode_ms", "frame_ms",
    "best_frame_ms", "frames_per_s", "gflop_per_frame", "share_of_matmul", "cached_over_naive",
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    args = _arguments(argv)
    device = torch.device(args.device)
    if args.threads:
        torch.set_num_threads(args.threads)
    machine = this_machine(device)
    print("  ".join(f"{key} {value}" for key, value in machine.items()), flush=True)
    print(_line(COLUMNS), flush=True)
    rows = []
    for row in _rows(args, device):
        print(_line([getattr(row, column) for column in COLUMNS]), flush=True)
        rows.append(row)
    report = {
        "schema": SCHEMA,
        "version": VERSION,
        "machine": machine,
        "commit": this_commit(),
        "rows": [asdict(row) for row in rows],
        "ratios": _ratios(rows),
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=1) + "\n")
    print(f"wrote {args.out}")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m model.bench", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"))
    parser.add_argument("--world", type=Path, default=SHIPPED_WORLD, help="a bundle's folder")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, help="CPU threads; torch's own choice if not given")
    parser.add_argument("--repeats", type=int, default=15, help="timed frames per row")
    parser.add_argument("--all", action="store_true", help="the 130M preset, too: minutes")
    return parser.parse_args(argv)


def _rows(args: argparse.Namespace, device: torch.device) -> Iterator[Row]:
    """The bundle where there is one, else the preset it grew from; the debug preset; --all."""
    has_bundle = (args.world / "world.json").is_file()
    served = World.load(args.world) if has_bundle else random_world("freedoom")
    small = random_world("debug")
    for world in (served, small):
        for batch in BATCHES:
            bench = Bench(world, batch=batch, device=device)
            yield bench.measure(repeats=args.repeats, with_naive=device.type == "cpu")
    if args.all:
        bench = Bench(random_world("nfd_130m"), batch=1, device=device)
        yield bench.measure(repeats=2, with_naive=False)


def _ratios(rows: list[Row]) -> dict[str, float]:
    """What a reader compares: the cache's gain, and what batching gives over one at a time."""
    singles = {row.world: row for row in rows if row.batch == 1}
    ratios = {}
    for row in rows:
        single = singles[row.world]
        if row.cached_over_naive is not None:
            ratios[f"{row.world}: cached_over_naive, batch {row.batch}"] = row.cached_over_naive
        if row.batch > 1:
            ratios[f"{row.world}: batched_over_single, batch {row.batch}"] = round(
                row.frames_per_s / single.frames_per_s, 2
            )
    return ratios


def _line(cells: Sequence[object]) -> str:
    widths = (max(len(column), 8) for column in COLUMNS)
    return "  ".join(f"{cell!s:>{width}}" for cell, width in zip(cells, widths, strict=True))


if __name__ == "__main__":
    main()
