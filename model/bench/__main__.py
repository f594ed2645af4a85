"""InterleavedTimes the engine on this machine: `python -m model.bench` → build/bench.json and a
table.

    python -m model.bench              rows and ratios of the shipped world: under three minutes
    python -m model.bench costs        what a pass costs by rows, pages seen, pictures; its jitter
    python -m model.bench where        where a frame's time goes, by span and operator; a trace
    python -m model.bench precision    how quick int8 and its like are on a CPU
    python -m model.bench likeness     how far their frames are from those of fp32
    python -m model.bench rotation     keys rotated when they are written, or when they are read
    python -m model.bench bookkeeping  that the scheduler's account of frames keeps no memory
    python -m model.bench doctor       what this machine has, what it will reach, what is missing
    python -m model.bench predict      what GPUs should reach, by arithmetic
    python -m model.bench speed        the paper's presets by players, steps and context
    python -m model.bench capacity     players one device holds at 30 frames a second
    python -m model.bench exactness    fast forms against the plainest one
    python -m model.bench spare        restoring a world, drawing ahead

The last four want a GPU. Each ends within `--minutes`, keeps what it has measured in its file, and
goes on from there; `--presets debug --device cpu` rehearses them anywhere.

Knows no service: what is timed is the scheduler and a runner, the path that serves.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import get_args

import torch

from model import presets
from model.ar.decoding.order import blocks, diagonal, raster
from model.arguments import above_zero, at_least_one
from model.arithmetic.predict import cost_table, players_table, speed_table
from model.bench.cpu.fidelity import Fidelity, measure_fidelity
from model.bench.cpu.frames import FrameTime, measure_frames
from model.bench.cpu.rotation import RotationCost, measure_rotation
from model.bench.device import device_here
from model.bench.doctor.checkup import examine, report
from model.bench.markdown import table_of
from model.bench.pass_costs import fit, measure_passes, steadiest
from model.bench.profiling import profile_frames
from model.bench.provenance import this_commit, this_machine
from model.bench.ratios import DIAGONAL_WINDOW, SAYS, measure_ratios
from model.bench.rows import Row, baseline_row, world_row
from model.bench.workloads.bookkeeping import memory_held
from model.bench.workloads.worlds import random_baseline, random_world
from model.fast.jobs import capacity, exactness, spare, speed
from model.fast.jobs.results_file import ResultsFile
from model.int8.serving import CpuPrecision, in_precision, quickest_precision
from model.presets import PRESETS
from model.world import World, WorldError

SCHEMA, VERSION = "nextframe.bench", 2
SHIPPED_WORLD = Path(__file__).parents[1] / "worlds" / "freedoom"
BATCHES = (1, 2, 4)
PAPER_PRESETS = ("nfd_310m", "nfd_130m", "nfd_774m")
JOBS = {
    "speed": speed.measure,
    "capacity": capacity.measure,
    "exactness": exactness.measure,
    "spare": spare.measure,
}


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments(sys.argv[1:] if argv is None else argv)
    try:
        args.command(args)
    except (WorldError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _bench(args: argparse.Namespace) -> None:
    device: torch.device = args.device
    if args.threads:
        torch.set_num_threads(args.threads)
    machine = this_machine(device)
    print("  ".join(f"{key} {value}" for key, value in machine.items()), flush=True)
    world = _world(args.world)
    rows = list(_shown(_rows(world, device, args.repeats)))
    ratios = measure_ratios(world, device, rounds=args.repeats)
    for name, value in ratios.items():
        print(f"{name:>24}  {value:<7}  {SAYS[name]}")
    _write(
        args.out,
        {
            "schema": SCHEMA,
            "version": VERSION,
            "machine": machine,
            "commit": this_commit(),
            "rows": [asdict(row) for row in rows],
            "ratios": ratios,
        },
    )


def _costs(args: argparse.Namespace) -> None:
    device: torch.device = args.device
    if args.threads:
        torch.set_num_threads(args.threads)
    world = _world(args.world)
    passes = measure_passes(world, device, sessions=args.players, passes=args.passes)
    costs = asdict(fit(steadiest(passes, min(args.keep, len(passes)))))
    print({name: value for name, value in costs.items() if name != "jitter"})
    _write(
        args.out,
        {
            "schema": "nextframe.pass_costs",
            "version": 3,
            "command": shlex.join(["python", "-m", "model.bench", *args.argv]),
            "machine": this_machine(device),
            "commit": this_commit(),
            "world": f"{world.spec.name} {world.spec.version}",
            "costs": costs,
        },
    )


def _where(args: argparse.Namespace) -> None:
    if args.threads:
        torch.set_num_threads(args.threads)
    world = in_precision(_world(args.world), args.precision)
    stretches = profile_frames(
        world, batch=args.batch, device=args.device, frames=args.repeats, trace=args.out
    )
    print(table_of(stretches))
    print(f"wrote {args.out}, for a trace viewer")


def _precision(args: argparse.Namespace) -> None:
    world = _world(args.world)
    times = list(measure_frames(world, thread_counts=tuple(args.threads), rounds=args.rounds))
    _write_table("precision", args.out, times)


def _fidelity(args: argparse.Namespace) -> None:
    world = _world(args.world)
    torch.set_num_threads(1)
    drifts = [drift for steps in args.steps for drift in measure_fidelity(world, steps=steps)]
    _write_table("likeness", args.out, drifts)


def _rotation(args: argparse.Namespace) -> None:
    shapes = (_world(args.world).spec.nfd, presets.nfd_310m().nfd)
    costs = [
        cost
        for nfd in shapes
        for cost in measure_rotation(nfd, tuple(args.frames), rounds=args.repeats)
    ]
    _write_table("rotation", args.out, costs)


def _write_table(
    name: str, out: Path, rows: Sequence[Fidelity] | Sequence[FrameTime] | Sequence[RotationCost]
) -> None:
    print(table_of(rows))
    _write(
        out,
        {
            "schema": f"nextframe.{name}",
            "version": 1,
            "machine": this_machine(torch.device("cpu")),
            "commit": this_commit(),
            "rows": [asdict(row) for row in rows],
        },
    )


def _fill(args: argparse.Namespace) -> None:
    """One of the jobs that keep a results."""
    device = args.device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    out = args.out or Path("build") / "gpu" / f"{args.job}.json"
    results = ResultsFile(out, this_machine(device), minutes=args.minutes)
    for preset in args.presets:
        JOBS[args.job](results, preset, device)
    print(f"{len(results.cells)} cells in {out}" + (", out of time" * results.is_out_of_time))


def _bookkeeping(args: argparse.Namespace) -> None:
    for held in memory_held(args.frames):
        print("  ".join(f"{key} {value}" for key, value in asdict(held).items()), flush=True)


def _doctor(args: argparse.Namespace) -> None:
    report(examine(_world(args.world), args.device))


def _predict(args: argparse.Namespace) -> None:
    for table in (cost_table(), speed_table(), players_table()):
        print(table, end="\n\n")


def _world(folder: Path | None) -> World:
    """The bundle that was named; else the shipped one, or where none is shipped the preset that it
    grows from. Raises WorldError."""
    if folder is None and not (SHIPPED_WORLD / "world.json").is_file():
        return random_world("freedoom")
    return World.load(folder or SHIPPED_WORLD)


def _rows(world: World, device: torch.device, repeats: int) -> Iterator[Row]:
    """The shipped world, its baseline, and the debug preset."""
    precisions = sorted({"fp32", quickest_precision(device.type)})
    for precision in precisions:
        for batch in BATCHES:
            yield world_row(world, batch=batch, device=device, repeats=repeats, precision=precision)
    nfd, baseline = world.spec.nfd, random_baseline(world)
    grid = (nfd.grid_height, nfd.grid_width)
    orders = {
        "codes, raster": raster(*grid),
        "codes, diagonal 1": diagonal(*grid, DIAGONAL_WINDOW),
        "codes, diagonal 2": diagonal(*grid, 2),
        "codes, row by row": blocks(*grid, nfd.grid_width),
    }
    for name, order in orders.items():
        yield baseline_row(name, baseline, order, device=device, repeats=repeats)
    for batch in BATCHES:
        yield world_row(random_world("debug"), batch=batch, device=device, repeats=repeats)


def _shown(rows: Iterator[Row]) -> Iterator[Row]:
    names = [field.name for field in fields(Row)]
    print(_line(names, names), flush=True)
    for row in rows:
        print(_line(list(asdict(row).values()), names), flush=True)
        yield row


def _line(cells: Sequence[object], names: Sequence[str]) -> str:
    widths = (18 if name == "world" else max(len(name), 6) for name in names)
    return "  ".join(f"{cell!s:>{width}}" for cell, width in zip(cells, widths, strict=True))


def _write(out: Path, report: Mapping[str, object]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n")
    print(f"wrote {out}")


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m model.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=_bench, argv=argv)
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"))
    parser.add_argument("--world", type=Path, help="a bundle's folder; else the shipped world")
    parser.add_argument("--device", type=device_here, default=torch.device("cpu"))
    parser.add_argument(
        "--threads", type=at_least_one, help="CPU threads; torch's own choice if not given"
    )
    parser.add_argument(
        "--repeats", type=at_least_one, default=20, help="timed frames of each variant"
    )
    commands = parser.add_subparsers(
        metavar=" | ".join(
            (
                "costs",
                "where",
                "precision",
                "likeness",
                "rotation",
                "bookkeeping",
                "doctor",
                "predict",
                *JOBS,
            )
        )
    )
    costs = commands.add_parser("costs")
    costs.set_defaults(command=_costs)
    costs.add_argument("--players", type=at_least_one, default=6)
    costs.add_argument("--passes", type=at_least_one, default=1000, help="timed ones")
    costs.add_argument(
        "--keep", type=at_least_one, default=99, help="the steadiest so many in a row"
    )
    costs.add_argument("--out", type=Path, default=Path("build/pass_costs.json"))
    where = commands.add_parser("where")
    where.set_defaults(command=_where)
    where.add_argument("--batch", type=at_least_one, default=1, help="players")
    where.add_argument("--precision", choices=get_args(CpuPrecision), default="fp32")
    where.add_argument("--out", type=Path, default=Path("build/trace.json"))
    precision = commands.add_parser("precision")
    precision.set_defaults(command=_precision)
    precision.add_argument("--threads", type=at_least_one, nargs="+", default=(1, 2))
    precision.add_argument(
        "--rounds", type=at_least_one, default=40, help="timed frames of each form"
    )
    precision.add_argument("--out", type=Path, default=Path("build/precision.json"))
    likeness = commands.add_parser("likeness")
    likeness.set_defaults(command=_fidelity)
    likeness.add_argument("--steps", type=at_least_one, nargs="+", default=(1, 2))
    likeness.add_argument("--out", type=Path, default=Path("build/likeness.json"))
    rotation = commands.add_parser("rotation")
    rotation.set_defaults(command=_rotation)
    rotation.add_argument(
        "--frames", type=at_least_one, nargs="+", default=(8, 24), help="of context"
    )
    rotation.add_argument("--out", type=Path, default=Path("build/rotation.json"))
    bookkeeping = commands.add_parser("bookkeeping")
    bookkeeping.set_defaults(command=_bookkeeping)
    bookkeeping.add_argument(
        "--frames", type=at_least_one, default=1_000_000, help="of each of 8 sessions"
    )
    commands.add_parser("doctor").set_defaults(command=_doctor)
    commands.add_parser("predict").set_defaults(command=_predict)
    for name in JOBS:
        job = commands.add_parser(name)
        job.set_defaults(command=_fill, job=name)
        job.add_argument("--presets", nargs="+", choices=PRESETS, default=PAPER_PRESETS)
        job.add_argument(
            "--device", type=device_here, help="the GPU if there is one, when not given"
        )
        job.add_argument("--minutes", type=above_zero, default=9.0)
        job.add_argument("--out", type=Path, help="build/gpu/<job>.json when not given")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
