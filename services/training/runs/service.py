"""The rules of training runs without HTTP: submit, poll, cancel, resume, delete.

The disk is authoritative: a restarted service continues from the files. Raises Problem to refuse a
request.
"""

import asyncio
import logging
import shutil
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.telemetry import Problem, meter
from services.training.launchers.launcher import JobState, Launcher, LaunchError
from services.training.recordings.catalog import RecordingsCatalog
from services.training.runs.record import NEXT_STATES, RunRecord, RunState
from services.training.runs.store import RunStore
from services.training.runs.views import last_lines
from training.data.atomic_io import DamagedFile
from training.job_state import LOG, Progress
from training.recipes.overrides import RECIPES, check_overrides

FREE_DISK = meter.create_gauge(
    "nextframe_training_disk_free_bytes", unit="By", description="free where runs are kept"
)
RUNS = meter.create_gauge("nextframe_training_runs", description="runs by state")

MAX_QUEUED = 32
MAX_INTERRUPTIONS = 3  # starts that a run gets by itself after it was killed
DISK = "disk"  # beside run ids, which are never so short
ENDED = frozenset({RunState.DONE, RunState.FAILED, RunState.CANCELLED, RunState.INTERRUPTED})
KILLED = "It was killed and goes on from its last saved state."

log = logging.getLogger(__name__)


class RunService:
    """All rules about runs, applied to the files on disk. `max_running`: maximum concurrent runs.
    `keep_days`: days until an ended run is deleted after the last change; None: never."""

    def __init__(
        self,
        store: RunStore,
        launcher: Launcher,
        catalog: RecordingsCatalog,
        *,
        data: Path,
        max_running: int,
        min_free_mb: int,
        keep_days: float | None = None,
    ) -> None:
        self._store = store
        self._launcher = launcher
        self._catalog = catalog
        self._data = data
        self._max_running = max_running
        self._min_free_mb = min_free_mb
        self._keep_days = keep_days
        self._troubles: dict[str, str] = {}  # by run or thing, what was last said to be wrong
        self._changing = asyncio.Lock()  # one change at a time, so that no start happens twice

    async def submit(
        self, recipe: str, overrides: Mapping[str, object], recordings: str = ""
    ) -> RunRecord:
        """`recordings`: a name of the catalog, for recipes with recordings."""
        if recipe not in RECIPES:
            raise Problem(
                422, "no-such-recipe", f"There is no such recipe; there are {', '.join(RECIPES)}."
            )
        checked = _checked(overrides)
        folder = self._catalog.folder_for(recipe, recordings)
        async with self._changing:
            if len(self._in_state(RunState.QUEUED)) >= MAX_QUEUED:
                detail = f"{MAX_QUEUED} runs wait already; cancel one first."
                raise Problem(429, "too-many-runs", detail, retry_after_s=60)
            record = self._store.create(recipe, checked, recordings, folder)
        log.info("run submitted", extra={"run_id": record.run_id, "recipe": recipe})
        return record

    def all(self) -> list[RunRecord]:
        """Returns all runs, newest first."""
        return self._store.all()[::-1]

    def find(self, run_id: str) -> RunRecord:
        record = self._store.get(run_id)
        if record is None:
            raise Problem(404, "run-not-found", "There is no such run.")
        return record

    def folder(self, run_id: str) -> Path:
        self.find(run_id)
        return self._store.folder(run_id)

    async def cancel(self, run_id: str) -> RunRecord:
        """Ends the run; saved state stays, and `resume` continues from the saved state."""
        async with self._changing:
            if (record := self.find(run_id)).state is RunState.RUNNING:
                await self._poll(record)  # it may have ended just now
            record = self._may_become(run_id, RunState.CANCELLED, "Only what waits or runs can be")
            if record.handle and record.state is RunState.RUNNING:
                await self._stop(record.handle)
            return self._store.change(record, RunState.CANCELLED, reason="Cancelled.", handle="")

    async def resume(self, run_id: str, overrides: Mapping[str, object] | None = None) -> RunRecord:
        """Continues the run. `overrides`: new values for the remaining stages, for example lower
        learning rates after a loss of NaN, which would repeat with the old values."""
        checked = _checked(overrides or {})
        async with self._changing:
            record = self.find(run_id)
            if record.state is RunState.RUNNING:
                raise Problem(409, "run-runs", "The run is running.")
            record = self._may_become(run_id, RunState.QUEUED, "Only what has stopped short can be")
            await self._refuse_for_done(record, checked)
            record = record.changed(checked)
            self._store.reorder(record)
            return self._store.change(record, RunState.QUEUED, reason="", interruptions=0)

    async def delete(self, run_id: str) -> None:
        """Deletes an ended run with all files. Published worlds stay."""
        async with self._changing:
            record = self.find(run_id)
            if record.state not in ENDED:
                detail = f"The run is {record.state}. Cancel it before you delete it."
                raise Problem(409, "wrong-state", detail)
            await asyncio.to_thread(self._store.delete, run_id)

    async def watch(self) -> None:
        """Polls all runs once: records ended runs, starts queued runs, deletes runs that ended
        `keep_days` ago. An error of one run does not affect the others."""
        async with self._changing:
            await asyncio.to_thread(self._watch_disk)
            for record in await asyncio.to_thread(self._in_state, RunState.RUNNING):
                await self._guarded(record, self._poll)
            records = await asyncio.to_thread(self._store.all)
            counts = Counter(record.state for record in records)
            num_free = max(0, self._max_running - counts[RunState.RUNNING])
            waiting = [record for record in records if record.state is RunState.QUEUED]
            for record in waiting[:num_free]:
                await self._guarded(record, self._start)
            for record in records:
                if self._is_outdated(record):
                    await self._guarded(record, self._delete_outdated)
        for state in RunState:
            RUNS.set(counts[state], {"state": state.value})

    async def _guarded(
        self, record: RunRecord, act: Callable[[RunRecord], Awaitable[None]]
    ) -> None:
        try:
            await act(record)
        except Exception as error:
            self._note_trouble(record.run_id, f"{type(error).__name__}: {error}")
        else:
            self._troubles.pop(record.run_id, None)

    def _note_trouble(self, name: str, trouble: str) -> None:
        """Logs a trouble once, until it is over or another one."""
        if self._troubles.get(name) != trouble:
            self._troubles[name] = trouble
            log.error("run not watched", extra={"run_id": name, "reason": trouble})

    def _watch_disk(self) -> None:
        free_mb = shutil.disk_usage(self._data).free // 2**20
        FREE_DISK.set(free_mb * 2**20)
        if free_mb >= self._min_free_mb:
            self._troubles.pop(DISK, None)
        elif DISK not in self._troubles:
            self._troubles[DISK] = "nearly full"
            detail = {"free_mb": free_mb, "needed_mb": self._min_free_mb}
            log.error("disk nearly full: no run will be started", extra=detail)

    def _is_outdated(self, record: RunRecord) -> bool:
        if self._keep_days is None or record.state not in ENDED:
            return False
        age = datetime.now(UTC) - datetime.fromisoformat(record.changed_at)
        return age > timedelta(days=self._keep_days)

    async def _delete_outdated(self, record: RunRecord) -> None:
        await asyncio.to_thread(self._store.delete, record.run_id)
        reason = f"ended {self._keep_days:g} days ago"
        log.info("run deleted", extra={"run_id": record.run_id, "reason": reason})

    async def _stop(self, handle: str) -> None:
        try:
            await self._launcher.stop(handle)
        except LaunchError as error:
            raise Problem(503, "launcher-away", f"{error}. Try again.", retry_after_s=5) from error

    async def _poll(self, record: RunRecord) -> None:
        try:
            job = await self._launcher.poll(record.handle) if record.handle else GONE
        except LaunchError as error:
            log.warning("run unseen", extra={"run_id": record.run_id, "reason": str(error)})
            return
        progress = await self._progress(record.run_id)
        if progress and progress.attempt == record.attempt and progress.outcome:
            self._store.change(
                record, RunState(progress.outcome), reason=progress.reason, digest=progress.digest
            )
        elif not job.is_running:
            self._ended_without_a_word(record, job)

    async def _progress(self, run_id: str) -> Progress | None:
        """What the job said last; nothing where its file is damaged, which is logged once."""
        try:
            progress = await asyncio.to_thread(Progress.read, self._store.folder(run_id))
        except DamagedFile as error:
            self._note_trouble(f"{run_id}, progress", str(error))
            return None
        self._troubles.pop(f"{run_id}, progress", None)
        return progress

    def _ended_without_a_word(self, record: RunRecord, job: JobState) -> None:
        if job.exit_status is not None and job.exit_status > 0:
            said = last_lines(self._store.folder(record.run_id) / LOG, 1)
            reason = f"It ended with status {job.exit_status}: {' '.join(said).strip()}"
            self._store.change(record, RunState.FAILED, reason=reason)
        elif record.interruptions >= MAX_INTERRUPTIONS:
            reason = f"It was killed {record.interruptions + 1} times; resume it when that ends."
            self._store.change(record, RunState.INTERRUPTED, reason=reason)
        else:
            count = record.interruptions + 1
            self._store.change(record, RunState.QUEUED, reason=KILLED, interruptions=count)

    async def _start(self, record: RunRecord) -> None:
        free_mb = shutil.disk_usage(self._data).free // 2**20
        if free_mb < self._min_free_mb:
            reason = f"Only {free_mb} MB are free; {self._min_free_mb} MB are needed to start."
            self._store.change(record, RunState.FAILED, reason=reason)
            return
        folder = self._store.folder(record.run_id)
        # Written before the start: a job that nobody knows of must not be started again.
        record = self._store.change(record, RunState.RUNNING, handle="", attempt=record.attempt + 1)
        try:
            handle = await self._launcher.start(record.run_id, folder, record.attempt)
        except LaunchError as error:
            self._store.change(record, RunState.FAILED, reason=str(error))
        else:
            self._store.note_handle(record, handle)

    def _may_become(self, run_id: str, state: RunState, only: str) -> RunRecord:
        record = self.find(run_id)
        if state not in NEXT_STATES[record.state]:
            verb = "cancelled" if state is RunState.CANCELLED else "resumed"
            raise Problem(409, "wrong-state", f"The run is {record.state}. {only} {verb}.")
        return record

    async def _refuse_for_done(
        self, record: RunRecord, overrides: Mapping[str, int | float]
    ) -> None:
        """What has been made by other numbers stays as it is."""
        progress = await self._progress(record.run_id)
        for name in overrides:
            if progress and (stage := name.partition(".")[0]) in progress.done:
                detail = f"{name}: the {stage} stage is done; submit another run for that."
                raise Problem(422, "override-refused", detail)

    def _in_state(self, state: RunState) -> list[RunRecord]:
        return [record for record in self._store.all() if record.state is state]


def _checked(overrides: Mapping[str, object]) -> dict[str, int | float]:
    try:
        return check_overrides(overrides)
    except ValueError as error:
        raise Problem(422, "override-refused", f"{error}.") from error


GONE = JobState(is_running=False)
