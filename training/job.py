"""`python -m training.job FOLDER ATTEMPT`: one submitted run, from the state of its folder to a
published world.

The process can be killed at any moment and started again: finished stages are not repeated, and the
stage that was cut goes on from its last saved state. Knows neither who started the process nor on
which machine.
"""

import argparse
import fcntl
import os
import sys
import traceback
from pathlib import Path

from model.arguments import at_least_one
from training.job_state import LOG, ORDER
from training.pipeline.job import UNUSABLE, Job

LOCK = "lock"


def main(argv: list[str] | None = None) -> int:
    folder, attempt = _arguments(argv)
    _log_into(folder / LOG)
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # an attempt that somebody lost sight of ends first
        try:
            job = Job(folder, attempt)
        except (*UNUSABLE, ValueError) as error:  # ValueError: the order's numbers
            print(f"cannot begin: {error}", flush=True)  # the service shows the log's last line
            return 1
        try:
            job.run()
        except UNUSABLE as error:
            return job.fail(str(error))
        except Exception as error:
            traceback.print_exc()
            return job.fail(f"{type(error).__name__}: {error}")
    return 0


def _arguments(argv: list[str] | None) -> tuple[Path, int]:
    parser = argparse.ArgumentParser(
        prog="python -m training.job",
        description="Takes up a run that was submitted to the training service.",
    )
    parser.add_argument("folder", type=Path, help=f"of the run; the service wrote {ORDER} there")
    parser.add_argument("attempt", type=at_least_one, help="how often it was started, with this")
    given = parser.parse_args(argv)
    if not (given.folder / ORDER).is_file():
        parser.error(f"{given.folder} holds no {ORDER}")
    return given.folder, given.attempt


def _log_into(path: Path) -> None:
    """All that this process and its children say, wherever they run."""
    with path.open("ab") as log:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(log.fileno(), stream.fileno())


if __name__ == "__main__":
    sys.exit(main())
