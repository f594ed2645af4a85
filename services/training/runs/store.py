"""Runs on disk: one folder per run; `run.json` is replaced atomically. A run without a `run.json`
does not exist."""

import logging
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.training.runs.record import NEXT_STATES, RunRecord, RunState
from training.job_state import JobOrder, replace_file

RECORD = "run.json"

log = logging.getLogger(__name__)


class RunStore:
    """The only writer of `run.json`. `root`: the folder of all runs; `registry`: the target folder
    of published worlds."""

    def __init__(self, root: Path, registry: Path) -> None:
        self._root = root
        self._registry = registry
        root.mkdir(parents=True, exist_ok=True)

    def folder(self, run_id: str) -> Path:
        return self._root / run_id

    def create(
        self,
        recipe: str,
        overrides: Mapping[str, int | float],
        recordings: str,
        recordings_folder: Path | None,
    ) -> RunRecord:
        run_id = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
        record = RunRecord(
            run_id=run_id,
            recipe=recipe,
            overrides=overrides,
            recordings=recordings,
            state=RunState.QUEUED,
            created_at=_now(),
            changed_at=_now(),
        )
        self.folder(run_id).mkdir()
        order = JobOrder(
            run_id=run_id,
            recipe=recipe,
            overrides=dict(overrides),
            registry=str(self._registry),
            recordings=recordings,
            recordings_folder=str(recordings_folder or ""),
        )
        order.write(self.folder(run_id))
        self._write(record)
        return record

    def get(self, run_id: str) -> RunRecord | None:
        try:
            return RunRecord.from_json((self.folder(run_id) / RECORD).read_bytes())
        except FileNotFoundError:
            return None

    def all(self) -> list[RunRecord]:
        """Returns all runs, oldest first."""
        found = []
        for path in self._root.glob(f"*/{RECORD}"):
            try:
                found.append(RunRecord.from_json(path.read_bytes()))
            except (ValueError, KeyError, TypeError) as error:
                log.warning("damaged run", extra={"path": str(path), "error": str(error)})
        return sorted(found, key=lambda record: record.created_at)

    def change(self, record: RunRecord, state: RunState, **fields: Any) -> RunRecord:
        """Writes the record with the next state and returns the record."""
        assert state in NEXT_STATES[record.state], f"{record.state} cannot become {state}"
        changed = replace(record, state=state, changed_at=_now(), **fields)
        self._write(changed)
        log.info("run changed", extra={"run_id": record.run_id, "state": state, **fields})
        return changed

    def reorder(self, record: RunRecord) -> None:
        """Writes the overrides for the run's next start."""
        order = JobOrder.read(self.folder(record.run_id))
        replace(order, overrides=record.numbers).write(self.folder(record.run_id))

    def delete(self, run_id: str) -> None:
        """Deletes the record first, since a folder without a record is not a run."""
        folder = self.folder(run_id)
        (folder / RECORD).unlink(missing_ok=True)
        shutil.rmtree(folder)

    def note_handle(self, record: RunRecord, handle: str) -> None:
        self._write(replace(record, handle=handle))

    def _write(self, record: RunRecord) -> None:
        replace_file(self.folder(record.run_id) / RECORD, record.to_json())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
