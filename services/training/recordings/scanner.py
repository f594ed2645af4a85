"""Scans the folders of recordings at the start of the service and after each change of the files. A
scan reads only new files and stores the result on disk.

A scan is the process `python -m training.data.index.dataset_index`, so untrusted videos are never
decoded in the service.
"""

import asyncio
import logging
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel

from services.training.children import LOW_PRIORITY, bare_environment
from services.training.runs.views import last_lines
from services.training.settings import ROOT
from training.data.index.dataset_index import DatasetIndex, index_at

NOTHING = DatasetIndex(recordings={}, frames={}, skipped={}, lost={})
# Only counts matter, and a film of six minutes in full size is 2 GB.
SMALL = ("--width", "64", "--height", "36")
MAX_SCAN_S = 3600.0
SCAN_COMMAND = (*LOW_PRIORITY, sys.executable, "-m", "training.data.index.dataset_index", *SMALL)

log = logging.getLogger(__name__)


class RecordingsView(BaseModel):
    """`state`: missing (no folder), waiting or looking (figures are from the previous scan, if
    any), known, or failed, with the `reason`. `hours`: hours of play usable for training.
    `skipped`: number of unusable recordings by reason. `lost`: amount of unusable parts in other
    recordings by reason."""

    name: str
    folder: str
    state: str
    reason: str
    recordings: int
    hours: float
    skipped: dict[str, int]
    lost: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Scan:
    """`changed_ns`: when files had last come to the folder, or gone, as it began. `is_stopped`: it
    was ended at its deadline."""

    process: Process
    changed_ns: int
    deadline_s: float  # of the event loop's clock
    is_stopped: bool = False


class RecordingsScanner:
    """Owns the scans, one at a time, and writes manifests to `kept`."""

    def __init__(
        self,
        folders: Mapping[str, Path],
        kept: Path,
        *,
        program: Sequence[str] = SCAN_COMMAND,
        max_scan_s: float = MAX_SCAN_S,
    ) -> None:
        self._folders = folders
        self._kept = kept
        self._program = program
        self._max_scan_s = max_scan_s
        self._scans: dict[str, _Scan] = {}  # the last one of each folder

    async def watch(self) -> None:
        """Starts the next due scan unless a scan is running. Ends a scan beyond the time limit, so
        the other folders are scanned too."""
        for name, scan in self._scans.items():
            if scan.process.returncode is None:
                if asyncio.get_running_loop().time() > scan.deadline_s:
                    self._scans[name] = await _stopped(scan)
                return
        for name, folder in self._folders.items():
            if folder.is_dir() and self._is_due(name, folder):
                self._scans[name] = await self._begin(name, folder)
                return

    async def close(self) -> None:
        for scan in self._scans.values():
            with suppress(ProcessLookupError):
                scan.process.terminate()
            await scan.process.wait()

    def views(self) -> list[RecordingsView]:
        return [self._view(name, folder) for name, folder in self._folders.items()]

    def _is_due(self, name: str, folder: Path) -> bool:
        scan = self._scans.get(name)
        return scan is None or scan.changed_ns != _changed_ns(folder)

    async def _begin(self, name: str, folder: Path) -> _Scan:
        self._kept.mkdir(parents=True, exist_ok=True)
        changed_ns = _changed_ns(folder)
        with self._log(name).open("wb") as said:
            process = await asyncio.create_subprocess_exec(
                *self._program,
                str(folder),
                "--out",
                str(self._manifest(name)),
                env=bare_environment(),
                cwd=ROOT,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        log.info("recordings scan started", extra={"recordings": name})
        deadline_s = asyncio.get_running_loop().time() + self._max_scan_s
        return _Scan(process, changed_ns, deadline_s)

    def _view(self, name: str, folder: Path) -> RecordingsView:
        state, reason = self._state(name, folder)
        index = index_at(self._manifest(name)) or NOTHING
        return RecordingsView(
            name=name,
            folder=str(folder),
            state=state,
            reason=reason,
            recordings=sum(index.recordings.values()),
            hours=index.hours,
            skipped=index.skipped,
            lost=index.lost,
        )

    def _state(self, name: str, folder: Path) -> tuple[str, str]:
        scan = self._scans.get(name)
        if not folder.is_dir():
            return "missing", "There is no such folder."
        if scan is None:
            return "waiting", ""
        if scan.process.returncode is None:
            return "looking", ""
        if scan.is_stopped:
            minutes = self._max_scan_s / 60
            return "failed", f"Not read through within {minutes:g} minutes; figures are of a part."
        if scan.process.returncode == 0:
            return "known", ""
        return "failed", " ".join(last_lines(self._log(name), 1)).strip()

    def _manifest(self, name: str) -> Path:
        return self._kept / f"{name}.json"

    def _log(self, name: str) -> Path:
        return self._kept / f"{name}.log"


async def _stopped(scan: _Scan) -> _Scan:
    with suppress(ProcessLookupError):
        scan.process.kill()
    await scan.process.wait()
    return replace(scan, is_stopped=True)


def _changed_ns(folder: Path) -> int:
    return folder.stat().st_mtime_ns
