"""The loss curve of a stage, `<stage>.jsonl`: one JSON row per logged step. Knows no training."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile


class LossCurve:
    """Owns the file while a stage trains. Rows ascend by step, none is there twice: opening it at
    a step drops what an interrupted life wrote after that step, and all from the first row that a
    power cut has damaged: a curve never stops a training. Without a path nobody will see it."""

    def __init__(self, path: Path | None, last_step: int) -> None:
        self._file = path.open("a+b") if path is not None else TemporaryFile()  # noqa: SIM115
        self._file.truncate(self._end_of(last_step))

    def close(self) -> None:
        self._file.close()

    def add(self, step: int, seconds: float, losses: Mapping[str, float]) -> None:
        """One row, in the hands of the operating system when this returns. Raises OSError."""
        rounded = {name: round(value, 5) for name, value in losses.items()}
        row = {"step": step, "seconds": round(seconds, 1)} | rounded
        self._file.write(json.dumps(row).encode() + b"\n")
        self._file.flush()

    def sync(self) -> None:
        """On disk when this returns: a state that names a step must find its rows."""
        os.fsync(self._file.fileno())

    def _end_of(self, last_step: int) -> int:
        """Bytes up to and with the last whole row of a step up to `last_step`."""
        self._file.seek(0)
        end = 0
        for line in self._file:
            step = _step_of(line)
            if step is None or step > last_step:
                break
            end += len(line)
        return end


def _step_of(line: bytes) -> int | None:
    """The step of a whole row, None of a torn or damaged one."""
    try:
        step = json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):
        return None
    return step if line.endswith(b"\n") and isinstance(step, int) else None
