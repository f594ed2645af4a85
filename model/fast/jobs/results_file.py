"""Results that outlive a run: every measured cell is written at once and not measured again."""

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from model.bench.provenance import this_commit

Cell = Mapping[str, Any]
SCHEMA, VERSION = "nextframe.gpu_bench", 1


class ResultsFile:
    """Owns a JSON file of cells by key, and the time left to fill the file."""

    def __init__(
        self,
        path: Path,
        machine: Mapping[str, Any],
        *,
        minutes: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Continues the file, if any. Raises ValueError if the file is of another device."""
        self._path = path
        self._clock = clock
        self._ends_s = clock() + 60 * minutes
        header = {"schema": SCHEMA, "version": VERSION, "machine": dict(machine)}
        self._report: dict[str, Any] = {**header, "commit": this_commit(), "cells": {}}
        if path.exists():
            before = json.loads(path.read_text())
            if before["machine"]["device"] != machine["device"]:
                raise ValueError(f"{path} was measured on {before['machine']['device']}")
            self._report["cells"] = before["cells"]

    @property
    def cells(self) -> Mapping[str, Cell]:
        return self._report["cells"]  # type: ignore[no-any-return]

    @property
    def is_out_of_time(self) -> bool:
        return self._clock() >= self._ends_s

    def fill(self, key: str, measure: Callable[[], Cell]) -> None:
        """Measures the cell, unless the cell is known or time is up. A cell that ran out of memory
        is recorded as out of memory: the next run does not try again."""
        if key in self.cells or self.is_out_of_time:
            return
        try:
            cell = dict(measure())
        except RuntimeError as error:
            if "out of memory" not in str(error):
                raise
            cell = {"error": "out of memory"}
        self._report["cells"][key] = cell
        print(f"{key:>60}  " + "  ".join(f"{k} {v}" for k, v in cell.items()), flush=True)
        self._save()

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        building = self._path.with_suffix(".tmp")
        building.write_text(json.dumps(self._report, indent=1) + "\n")
        os.replace(building, self._path)
