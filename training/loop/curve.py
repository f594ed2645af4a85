"""The loss curve of a stage, `<stage>.jsonl`: one JSON row per logged step. Knows no training."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile


class LossCurve:
    """Owns the file while a stage trains. Rows ascend by step without duplicates: opening the file
    at a step drops all rows after that step and all rows from the first damaged row, so a damaged
    curve never stops a training. `path` None: rows go to a temporary file."""

    def __init__(self, path: Path | None, last_step: int) -> None:
        self._file = path.open("a+b") if path is not None else TemporaryFile()  # noqa: SIM115
        self._file.truncate(self._end_of(last_step))

    def close(self) -> None:
        self._file.close()

    def add(self, step: int, seconds: float, losses: Mapping[str, float]) -> None:
        """Writes and flushes one row. Raises OSError."""
        rounded = {name: round(value, 5) for name, value in losses.items()}
        row = {"step": step, "seconds": round(seconds, 1)} | rounded
        self._file.write(json.dumps(row).encode() + b"\n")
        self._file.flush()

    def sync(self) -> None:
        """Syncs the rows to disk, before a state that refers to them is saved."""
        os.fsync(self._file.fileno())

    def _end_of(self, last_step: int) -> int:
        """The number of bytes up to the end of the last whole row with a step <= `last_step`."""
        self._file.seek(0)
        end = 0
        for line in self._file:
            step = _step_of(line)
            if step is None or step > last_step:
                break
            end += len(line)
        return end


def _step_of(line: bytes) -> int | None:
    """The step of a whole row; None for a damaged row."""
    try:
        step = json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):
        return None
    return step if line.endswith(b"\n") and isinstance(step, int) else None
