"""What a place that runs jobs must be able to do. The service knows no more of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class LaunchError(Exception):
    """The job could not be started or asked for; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """How a job is. `exit_status`: None while it runs, and where nobody knows it any more."""

    is_running: bool
    exit_status: int | None = None


class Launcher(Protocol):
    """Starts `python -m training.job FOLDER ATTEMPT` somewhere that sees the folder."""

    async def start(self, run_id: str, folder: Path, attempt: int) -> str:
        """The handle by which the job is found again, also by another process of ours. Raises
        LaunchError."""
        ...

    async def poll(self, handle: str) -> JobState:
        """Raises LaunchError when the place cannot be asked; it may run all the same."""
        ...

    async def stop(self, handle: str) -> None:
        """Ends it, gently and then by force. Again, or when it has ended, is harmless."""
        ...
