"""Runs jobs on a Ray cluster through the job server. Cluster and service share the data folder and
the image; Ray selects the node, cores and GPUs."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ray.job_submission import JobStatus, JobSubmissionClient

from services.training.launchers.launcher import JobState, LaunchError

T = TypeVar("T")

_RUNNING = (JobStatus.PENDING, JobStatus.RUNNING)


class RayLauncher:
    """A handle is Ray's submission id. `address`: address of the dashboard, http://host:8265."""

    def __init__(self, address: str, *, num_cpus: float, num_gpus: float) -> None:
        self._address = address
        self._num_cpus = num_cpus
        self._num_gpus = num_gpus

    async def start(self, run_id: str, folder: Path, attempt: int) -> str:
        def submit(client: JobSubmissionClient) -> str:
            submitted: str = client.submit_job(
                entrypoint=f"{sys.executable} -m training.job {folder} {attempt}",
                submission_id=f"{run_id}-{attempt}",
                entrypoint_num_cpus=self._num_cpus,
                entrypoint_num_gpus=self._num_gpus,
            )
            return submitted

        return await self._ask(submit)

    async def poll(self, handle: str) -> JobState:
        status = await self._ask(lambda client: client.get_job_info(handle))
        if status.status in _RUNNING:
            return JobState(is_running=True)
        # A killed driver and one that ended badly look alike; the exit code tells them apart.
        code = status.driver_exit_code
        return JobState(is_running=False, exit_status=code if code and 0 < code < 128 else None)

    async def stop(self, handle: str) -> None:
        await self._ask(lambda client: client.stop_job(handle))

    async def _ask(self, question: Callable[[JobSubmissionClient], T]) -> T:
        """The client is synchronous and connects when it is made."""
        try:
            return await asyncio.to_thread(lambda: question(JobSubmissionClient(self._address)))
        except (RuntimeError, OSError) as error:  # what the client and its HTTP library raise
            raise LaunchError(f"Ray's job server: {error}") from error
