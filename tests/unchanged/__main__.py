"""`python -m tests.unchanged record --out FILE`, then `python -m tests.unchanged compare A B`."""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.unchanged import charts, frames, metrics, page, processes, redis_keys, settings, wire
from tests.unchanged.comparison import Recording, differences

SECTIONS: dict[str, Callable[[], Recording]] = {
    "frames": frames.record,
    "wire": wire.record,
    "redis": redis_keys.record,
    "metrics": metrics.record,
    "processes": processes.record,
    "settings": settings.record,
    "charts": charts.record,
    "page": page.record,
}


def main(arguments: list[str] | None = None) -> int:
    options = read_options(arguments)
    if options.command == "record":
        record(options.out, options.only or list(SECTIONS))
        return 0
    return compare(options.before, options.after, options.only or list(SECTIONS))


def record(path: Path, sections: list[str]) -> None:
    recording: Recording = {}
    for section in sections:
        started_s = time.monotonic()
        entries = SECTIONS[section]()
        recording |= {f"{section}/{name}": value for name, value in entries.items()}
        seconds = time.monotonic() - started_s
        print(f"{section}: {len(entries)} entries in {seconds:.0f} s", file=sys.stderr)
    path.write_text(json.dumps(recording, indent=1, sort_keys=True) + "\n")


def compare(before: Path, after: Path, sections: list[str]) -> int:
    """Prints every difference. Exit status: 0 for none, 1 for some."""
    chosen = tuple(f"{section}/" for section in sections)
    recordings = [
        {name: value for name, value in json.loads(path.read_text()).items()
         if name.startswith(chosen)}
        for path in (before, after)
    ]  # fmt: skip
    found = differences(*recordings)
    for line in found:
        print(line)
    print(f"{len(recordings[1])} entries compared, {len(found)} differences")
    return 1 if found else 0


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.unchanged", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record", help="write what this tree produces (minutes)")
    recording.add_argument("--out", type=Path, required=True, metavar="FILE")
    comparing = commands.add_parser("compare", help="name what differs between two recordings")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    for command in (recording, comparing):
        command.add_argument(
            "--only", action="append", choices=list(SECTIONS), help="a section; may be repeated"
        )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
