"""The interface between the training service and a place that runs jobs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class LaunchError(Exception):
    """The job could not be started or polled; the message gives the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """State of a job. `exit_status`: None for a running or forgotten job."""

    is_running: bool
    exit_status: int | None = None


class Launcher(Protocol):
    """Starts `python -m training.job FOLDER ATTEMPT` in a place with access to the folder."""

    async def start(self, run_id: str, folder: Path, attempt: int) -> str:
        """Returns a handle of the job, valid for other processes of the service too. Raises
        LaunchError."""
        ...

    async def poll(self, handle: str) -> JobState:
        """Raises LaunchError if the place does not answer; the job may still run."""
        ...

    async def stop(self, handle: str) -> None:
        """Ends the job, by force after a grace period; idempotent."""
        ...
